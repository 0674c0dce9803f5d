/* Everything is passed on to SQLite's own cache, but for truncations that would find nothing: those are left out. */
#include "persistence/page_cache.h"

#include <sqlite3.h>
#include <stdbool.h>

#include "base/memory.h"

/* Where file locks lie (PENDING_BYTE in SQLite's file format): the page there is never part of a database, and its
 * number is lent to a page while two pages change places. */
enum { LOCK_BYTE = 0x40000000 };

struct cache {
    sqlite3_pcache *own; /* SQLite's */
    unsigned lock_page;
    unsigned max; /* no page of a larger number is cached, but for the lock page */
    bool has_lock_page;
};

/* SQLite's methods, which take no argument that could lead to them. Written once, by page_cache_install. */
static sqlite3_pcache_methods2 own;

static int initialize(void *argument)
{
    return own.xInit(argument);
}

static void shut_down(void *argument)
{
    if (own.xShutdown != NULL)
        own.xShutdown(argument);
}

static sqlite3_pcache *create(int page_bytes, int extra_bytes, int is_purgeable)
{
    struct cache *cache = memory_new(sizeof(*cache));

    cache->own = own.xCreate(page_bytes, extra_bytes, is_purgeable);
    cache->lock_page = LOCK_BYTE / (unsigned)page_bytes + 1;
    if (cache->own == NULL) {
        memory_free(cache);
        return NULL;
    }
    return (sqlite3_pcache *)cache;
}

static void destroy(sqlite3_pcache *pcache)
{
    struct cache *cache = (struct cache *)pcache;

    own.xDestroy(cache->own);
    memory_free(cache);
}

static void set_size(sqlite3_pcache *pcache, int pages)
{
    own.xCachesize(((struct cache *)pcache)->own, pages);
}

static int count(sqlite3_pcache *pcache)
{
    return own.xPagecount(((struct cache *)pcache)->own);
}

static void note(struct cache *cache, unsigned number)
{
    if (number == cache->lock_page)
        cache->has_lock_page = true;
    else if (number > cache->max)
        cache->max = number;
}

static sqlite3_pcache_page *fetch(sqlite3_pcache *pcache, unsigned number, int how)
{
    struct cache *cache = (struct cache *)pcache;
    sqlite3_pcache_page *page = own.xFetch(cache->own, number, how);

    if (page != NULL)
        note(cache, number);
    return page;
}

static void unpin(sqlite3_pcache *pcache, sqlite3_pcache_page *page, int is_discarded)
{
    own.xUnpin(((struct cache *)pcache)->own, page, is_discarded);
}

static void rekey(sqlite3_pcache *pcache, sqlite3_pcache_page *page, unsigned old, unsigned new)
{
    struct cache *cache = (struct cache *)pcache;

    own.xRekey(cache->own, page, old, new);
    if (old == cache->lock_page)
        cache->has_lock_page = false;
    note(cache, new);
}

/* Drops the pages from number `first` on. */
static void truncate_from(sqlite3_pcache *pcache, unsigned first)
{
    struct cache *cache = (struct cache *)pcache;

    if (first > cache->max && !(cache->has_lock_page && first <= cache->lock_page))
        return; /* there is none */
    own.xTruncate(cache->own, first);
    if (first <= cache->max)
        cache->max = first > 0 ? first - 1 : 0;
    if (first <= cache->lock_page)
        cache->has_lock_page = false;
}

static void shrink(sqlite3_pcache *pcache)
{
    own.xShrink(((struct cache *)pcache)->own);
}

void page_cache_install(void)
{
    sqlite3_pcache_methods2 found;
    sqlite3_pcache_methods2 ours = {
        .iVersion = 1,
        .xInit = initialize,
        .xShutdown = shut_down,
        .xCreate = create,
        .xCachesize = set_size,
        .xPagecount = count,
        .xFetch = fetch,
        .xUnpin = unpin,
        .xRekey = rekey,
        .xTruncate = truncate_from,
        .xDestroy = destroy,
        .xShrink = shrink,
    };

    if (sqlite3_config(SQLITE_CONFIG_GETPCACHE2, &found) != SQLITE_OK || found.xCreate == create)
        return;
    own = found;
    ours.pArg = found.pArg;
    sqlite3_config(SQLITE_CONFIG_PCACHE2, &ours);
}
