/* Every message type of the API by its name, which is what an Any may hold, and every oneof, of which protobuf-c's
 * descriptors do not tell the names. Generated from the descriptors. */
#ifndef FERMATA_PROTO_MESSAGE_TYPES_H
#define FERMATA_PROTO_MESSAGE_TYPES_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* Sorted bytewise by full name. */
extern const ProtobufCMessageDescriptor *const message_types[];
extern const size_t message_types_count;

/* A oneof of a message type, and the first of its members. */
struct message_oneof {
    const ProtobufCMessageDescriptor *type;
    const char *name, *member;
};

/* All of them. */
extern const struct message_oneof message_oneofs[];
extern const size_t message_oneofs_count;

#endif
