#include "server/http/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 64 << 20 };

static int compare_path(const void *path, const void *file)
{
    return strcmp(path, ((const struct ui_file *)file)->path);
}

const struct ui_file *ui_file_find(const char *path)
{
    return bsearch(path, ui_embedded, ui_embedded_count, sizeof(ui_embedded[0]), compare_path);
}

static const char *type_of(const char *path)
{
    static const struct {
        const char *suffix, *type;
    } types[] = {
        {".css", "text/css; charset=utf-8"},
        {".gif", "image/gif"},
        {".html", "text/html; charset=utf-8"},
        {".ico", "image/x-icon"},
        {".jpg", "image/jpeg"},
        {".js", "text/javascript; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".png", "image/png"},
        {".svg", "image/svg+xml"},
        {".ttf", "font/ttf"},
        {".txt", "text/plain; charset=utf-8"},
        {".wasm", "application/wasm"},
        {".webmanifest", "application/manifest+json"},
        {".webp", "image/webp"},
        {".woff", "font/woff"},
        {".woff2", "font/woff2"},
    };
    const char *suffix = strrchr(path, '.');

    for (size_t i = 0; suffix != NULL && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(types[i].suffix, suffix) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* Whether no segment of the path leads elsewhere than down. */
static bool leads_down(const char *path)
{
    while (*path == '/') {
        size_t len = strcspn(++path, "/");

        if (len == 0 || path[0] == '.') /* "..", and hidden files */
            return false;
        path += len;
    }
    return *path == '\0';
}

static bool read_all(int fd, size_t len, struct buffer *ret_content)
{
    struct buffer content = {0};

    while (content.len < len) {
        ssize_t count = read(fd, buffer_reserve(&content, len - content.len), len - content.len);

        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) { /* it has become shorter */
            buffer_free(&content);
            return false;
        }
        content.len += (size_t)count;
    }
    *ret_content = content;
    return true;
}

bool ui_file_read(struct arena *arena, const char *folder, const char *path, struct buffer *ret_content,
                  const char **ret_type, const char **ret_etag)
{
    struct stat about;
    bool is_read = false;
    int fd;

    if (!leads_down(path))
        return false;
    fd = open(arena_printf(arena, "%s%s", folder, path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size <= FILE_BYTES_MAX)
        is_read = read_all(fd, (size_t)about.st_size, ret_content);
    close(fd);
    if (!is_read)
        return false;
    *ret_type = type_of(path);
    *ret_etag =
        arena_printf(arena, "\"%llx-%llx\"",
                     (unsigned long long)about.st_mtim.tv_sec * 1000000000 + (unsigned long long)about.st_mtim.tv_nsec,
                     (unsigned long long)about.st_size);
    return true;
}
