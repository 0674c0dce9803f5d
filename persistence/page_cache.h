/*
 * SQLite's page cache, with one thing done otherwise: the end of a transaction does not look at every page.
 *
 * At the end of each transaction SQLite drops the cached pages behind the end of the database. Its cache finds them by
 * walking through all of its pages when it has seen a far larger page number since, and it sees one (of the page that
 * no database uses, at 1 GiB) whenever a split of a B-tree page puts pages into another order: that is nearly always.
 * So a commit takes the longer the more pages are cached, which is all of them in an in-memory database.
 */
#ifndef FERMATA_PERSISTENCE_PAGE_CACHE_H
#define FERMATA_PERSISTENCE_PAGE_CACHE_H

/* Puts it in the place of SQLite's own, for the whole process. Does nothing once SQLite has been initialised. */
void page_cache_install(void);

#endif
