/* The web UI's files: those that are embedded (ui-static/, by cmake/embed_ui.py), or those of a folder. */
#ifndef FERMATA_SERVER_HTTP_FILES_H
#define FERMATA_SERVER_HTTP_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

/* A file. `gzipped` is empty where it would not be smaller; `etag` has its quotes. */
struct ui_file {
    const char *path; /* "/icons/fermata.svg" */
    const char *type, *etag;
    bool is_immutable; /* its name changes with its content, so caches need not ask again */
    struct bytes content, gzipped;
};

/* The embedded ones, sorted bytewise by path. */
extern const struct ui_file ui_embedded[];
extern const size_t ui_embedded_count;

/* What the embedded page's policy has to allow: the script and the style that stand in it ("'sha256-…'"). */
extern const char *const ui_embedded_script_hash, *const ui_embedded_style_hash;

/* Finds an embedded file; NULL when there is none. */
const struct ui_file *ui_file_find(const char *path);

/* Reads a file of a folder, by its decoded path ("/a/b"). What leads out of the folder, or is no regular file of at
 * most 64 MiB, is not there: false. The content is the caller's to free, texts are in `arena`. Blocks as long as the
 * disk does, like the database. */
bool ui_file_read(struct arena *arena, const char *folder, const char *path, struct buffer *ret_content,
                  const char **ret_type, const char **ret_etag);

#endif
