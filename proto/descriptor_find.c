/* Binary search in the generated tables of descriptor_files.h. */
#include "proto/descriptor_files.h"

#include <stdlib.h>
#include <string.h>

static int compare_file(const void *name, const void *file)
{
    return strcmp(name, ((const struct descriptor_file *)file)->name);
}

static int compare_symbol(const void *name, const void *symbol)
{
    return strcmp(name, ((const struct descriptor_symbol *)symbol)->name);
}

const struct descriptor_file *descriptor_file_by_name(const char *name)
{
    return bsearch(name, descriptor_files, descriptor_files_count, sizeof(descriptor_files[0]), compare_file);
}

const struct descriptor_file *descriptor_file_by_symbol(const char *symbol)
{
    const struct descriptor_symbol *found =
        bsearch(symbol, descriptor_symbols, descriptor_symbols_count, sizeof(descriptor_symbols[0]), compare_symbol);

    return found == NULL ? NULL : &descriptor_files[found->file];
}
