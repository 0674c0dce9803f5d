/*
 * The API's own description, embedded: the serialized FileDescriptorProtos of every service that we serve and all that
 * they import. gRPC reflection answers from it. Our internal messages (proto/fermata) are not in it.
 *
 * Both tables are sorted bytewise by name; indices refer to descriptor_files.
 */
#ifndef FERMATA_PROTO_DESCRIPTOR_FILES_H
#define FERMATA_PROTO_DESCRIPTOR_FILES_H

#include <stddef.h>
#include <stdint.h>

/* One .proto file. */
struct descriptor_file {
    const char *name;        /* as imported: "temporal/api/common/v1/message.proto" */
    const uint8_t *data;     /* a google.protobuf.FileDescriptorProto, serialized */
    size_t len;              /* bytes of data */
    const uint16_t *imports; /* indices of the files that it imports; NULL when there is none */
    size_t imports_count;
};

/* A name that a client may ask for: a service, a method ("package.Service.Method"), a message or an enum, nested ones
 * too. */
struct descriptor_symbol {
    const char *name; /* fully qualified, without a leading dot */
    uint16_t file;    /* index of the file that declares it */
};

/* Every file, and how many there are. */
extern const struct descriptor_file descriptor_files[];
extern const size_t descriptor_files_count;

/* Every symbol, and how many there are. */
extern const struct descriptor_symbol descriptor_symbols[];
extern const size_t descriptor_symbols_count;

/* The file of this name, or NULL. */
const struct descriptor_file *descriptor_file_by_name(const char *name);

/* The file that declares this symbol, or NULL. */
const struct descriptor_file *descriptor_file_by_symbol(const char *symbol);

#endif
