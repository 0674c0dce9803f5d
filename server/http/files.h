/* The web UI's files: those that are embedded (ui-static/, by cmake/embed_ui.py), or those of a folder. */
#ifndef FERMATA_SERVER_HTTP_FILES_H
#define FERMATA_SERVER_HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

/* A file. `gzipped` is empty where it would not be smaller; `etag` has its quotes. */
struct ui_file {
    const char *path; /* "/js/api.js" */
    const char *type, *etag;
    struct bytes content, gzipped;
};

/* The embedded ones, sorted bytewise by path. */
extern const struct ui_file ui_embedded[];
extern const size_t ui_embedded_count;

/* Finds an embedded file; NULL when there is none. */
const struct ui_file *ui_file_find(const char *path);

/* Reads a file of a folder, by its decoded path ("/a/b"). What leads out of the folder, or is no regular file of at
 * most 64 MiB, is not there: false. The content is the caller's to free, texts are in `arena`. Blocks as long as the
 * disk does, like the database. */
bool ui_file_read(struct arena *arena, const char *folder, const char *path, struct buffer *ret_content,
                  const char **ret_type, const char **ret_etag);

#endif
