/* protobuf-c with an arena as its allocator: free does nothing, the arena's end frees. */
#include "proto/pb.h"

#include <ctype.h>
#include <string.h>

#include "base/invariant.h"
#include "proto/pack.h"
#include "proto/scan.h"

/* Nearly all messages fit in so many bytes, and they in a stack. */
enum { PACKED_BYTES_USUAL = 4096 };

#define TYPE_URL_PREFIX "type.googleapis.com/"

static void *allocate(void *arena, size_t bytes)
{
    return arena_alloc_raw(arena, bytes);
}

static void free_nothing(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

static ProtobufCAllocator allocator_of(struct arena *arena)
{
    return (ProtobufCAllocator){.alloc = allocate, .free = free_nothing, .allocator_data = arena};
}

void *pb_new(struct arena *arena, const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = arena_alloc_raw(arena, type->sizeof_message);

    protobuf_c_message_init(type, message);
    return message;
}

void *pb_unpack(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *data, size_t len)
{
    ProtobufCAllocator allocator = allocator_of(arena);

    return protobuf_c_message_unpack(type, &allocator, len, data);
}

/* PK1 */
static void check_packed(const ProtobufCMessage *message, const uint8_t *packed, size_t len)
{
#if defined(FERMATA_CHECKS) && FERMATA_CHECKS
    uint8_t room[PACKED_BYTES_USUAL];

    invariant(protobuf_c_message_get_packed_size(message) == len && protobuf_c_message_pack(message, room) == len &&
                  memcmp(room, packed, len) == 0,
              "%s is not packed as protobuf-c does it", message->descriptor->name);
#else
    (void)message;
    (void)packed;
    (void)len;
#endif
}

/* In two passes. */
static struct bytes pack_large(struct arena *arena, const ProtobufCMessage *message, size_t before, size_t after)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *data = (uint8_t *)arena_alloc_raw(arena, before + len + after) + before;
    size_t written = protobuf_c_message_pack(message, data);

    invariant(written == len, "a message changed while it was written");
    return (struct bytes){.data = data, .len = len};
}

struct bytes pb_pack_with_room(struct arena *arena, const void *message, size_t before, size_t after)
{
    uint8_t room[PACKED_BYTES_USUAL], *end = room + sizeof(room);
    const uint8_t *packed = pack_backwards(message, room, end);
    size_t len = packed == NULL ? 0 : (size_t)(end - packed);
    uint8_t *data;

    if (packed == NULL)
        return pack_large(arena, message, before, after);
    check_packed(message, packed, len);
    data = (uint8_t *)arena_alloc_raw(arena, before + len + after) + before;
    memcpy(data, packed, len);
    return (struct bytes){.data = data, .len = len};
}

struct bytes pb_pack(struct arena *arena, const void *message)
{
    return pb_pack_with_room(arena, message, 0, 0);
}

void *pb_copy(struct arena *arena, const void *message)
{
    const ProtobufCMessage *from = message;
    uint8_t room[PACKED_BYTES_USUAL], *end = room + sizeof(room);
    const uint8_t *packed;
    void *copy;

    if (message == NULL)
        return NULL;
    packed = pack_backwards(message, room, end);
    if (packed != NULL) {
        copy = pb_unpack(arena, from->descriptor, packed, (size_t)(end - packed));
    } else {
        struct bytes large = pb_pack(arena, message);

        copy = pb_unpack(arena, from->descriptor, large.data, large.len);
    }
    invariant(copy != NULL, "a message that we wrote cannot be read: %s", from->descriptor->name);
    return copy;
}

PbAny *pb_pack_any(struct arena *arena, const void *message)
{
    const ProtobufCMessage *from = message;
    struct bytes packed = pb_pack(arena, message);
    PbAny *any = ARENA_NEW_PB(arena, PbAny);
    uint8_t *value = arena_memdup(arena, packed.data, packed.len);

    any->type_url = arena_printf(arena, TYPE_URL_PREFIX "%s", from->descriptor->name);
    any->value = (ProtobufCBinaryData){.data = value, .len = packed.len};
    return any;
}

void *pb_unpack_any(struct arena *arena, const ProtobufCMessageDescriptor *type, const PbAny *any)
{
    const char *name = any == NULL ? NULL : strrchr(any->type_url, '/'); /* any prefix is allowed */

    if (name == NULL || strcmp(name + 1, type->name) != 0)
        return NULL;
    if (scan_message(type, any->value.data, any->value.len, NULL, NULL) != SCAN_OK)
        return NULL;
    return pb_unpack(arena, type, any->value.data, any->value.len);
}

/* "START_TIMER" to "StartTimer". */
static const char *camel(struct arena *arena, const char *upper)
{
    char *result = arena_strdup(arena, upper), *to = result;
    bool at_start = true;

    for (const char *from = upper; *from != '\0'; from++) {
        if (*from == '_') {
            at_start = true;
            continue;
        }
        *to++ = (char)(at_start ? *from : tolower((unsigned char)*from));
        at_start = false;
    }
    *to = '\0';
    return result;
}

const char *pb_enum_short_name(struct arena *arena, const ProtobufCEnumDescriptor *type, int value, const char *prefix)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);

    if (known == NULL || strncmp(known->name, prefix, strlen(prefix)) != 0)
        return arena_printf(arena, "%d", value);
    return camel(arena, known->name + strlen(prefix));
}
