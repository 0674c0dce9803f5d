/* Every message type of the API, by its name: what an Any may hold. Generated from the descriptors. */
#ifndef FERMATA_PROTO_MESSAGE_TYPES_H
#define FERMATA_PROTO_MESSAGE_TYPES_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* Sorted bytewise by full name. */
extern const ProtobufCMessageDescriptor *const message_types[];
extern const size_t message_types_count;

#endif
