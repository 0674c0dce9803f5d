/*
 * The messages that are open are a stack of frames, an array as deep as nesting is allowed. What counts as well-formed
 * is what protobuf-c 1.4 accepts, less what it should not accept; what memory is charged for is what it allocates, read
 * off its protobuf_c_message_unpack: the struct, arrays, strings, unknown fields, and its list of the fields on the
 * wire.
 */
#include "proto/scan.h"

#include <stdbool.h>
#include <string.h>

#include "base/invariant.h"
#include "base/utf8.h"

enum {
    FIELD_NUMBER_MAX = (1 << 29) - 1,
    VARINT_BYTES_MAX = 10,
    LENGTH_BYTES_MAX = 5,  /* of the varint before a length-delimited value; protobuf-c takes no more */
    ALLOCATION_BYTES = 16, /* what an arena rounds up to */

    /* protobuf-c lists a message's fields before it reads them: 16 on its stack, then arrays of 32, 64, ... */
    LISTED_ON_STACK = 16,
    LISTED_BYTES = 32,
};

const struct scan_limits scan_limits_default = {
    .depth_max = SCAN_DEPTH_MAX,
    .unpacked_bytes_base = SCAN_UNPACKED_BYTES_BASE,
    .unpacked_bytes_per_byte = SCAN_UNPACKED_BYTES_PER_BYTE,
};

/* A message that is being scanned. */
struct frame {
    const ProtobufCMessageDescriptor *type;
    const uint8_t *end;
    const ProtobufCFieldDescriptor *last; /* the latest known field: the next one is often the same */
    size_t unpacked_before;               /* what had been charged when it began */
    size_t merged;                        /* of what was charged since then, the part for merging */
    size_t listed, listed_capacity;       /* fields on the wire, and protobuf-c's room for them */
    uint64_t seen[2];                     /* singular message fields so far, by their index */
};

struct scan {
    const uint8_t *start, *at;
    size_t unpacked, unpacked_max;
    unsigned depth, depth_max;
    const ProtobufCFieldDescriptor *field; /* the one that is being read */
    struct frame frames[SCAN_DEPTH_MAX];
};

/* --- text
 * ------------------------------------------------------------------------------------------------------------- */

static enum scan_result scan_text(const uint8_t *at, size_t len)
{
    const uint8_t *end = at + len;

    if (len > 0 && memchr(at, 0, len) != NULL)
        return SCAN_NUL_IN_STRING;
    while (at < end) {
        uint64_t eight;
        size_t character;

        while (end - at >= 8 && (memcpy(&eight, at, 8), (eight & UINT64_C(0x8080808080808080)) == 0))
            at += 8; /* ASCII, which most text is */
        if (at == end)
            break;
        character = utf8_character(at, end);
        if (character == 0)
            return SCAN_INVALID_UTF8;
        at += character;
    }
    return SCAN_OK;
}

/* --- wire format
 * ------------------------------------------------------------------------------------------------------ */

/* Reads a varint of at most `bytes_max` bytes. False when it does not end in time or does not fit. */
static bool read_varint(struct scan *scan, const uint8_t *end, unsigned bytes_max, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes_max && scan->at + i < end; i++) {
        uint8_t byte = scan->at[i];

        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            if (i == VARINT_BYTES_MAX - 1 && byte > 1)
                return false; /* more than 64 bits */
            scan->at += i + 1;
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/* Reads a length, which must fit into what is left of the message. */
static bool read_length(struct scan *scan, const uint8_t *end, size_t *ret_len)
{
    uint64_t len;

    if (!read_varint(scan, end, LENGTH_BYTES_MAX, &len) || len > (uint64_t)(end - scan->at))
        return false;
    *ret_len = (size_t)len;
    return true;
}

/* The field of this number, or NULL: binary search in ranges of consecutive numbers, of which most types have one or
 * two. */
static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *type, int number)
{
    const ProtobufCIntRange *ranges = type->field_ranges;
    unsigned low = 0, count = type->n_field_ranges;
    unsigned size, offset;

    if (count == 0 || number < ranges[0].start_value)
        return NULL;
    while (count > 1) {
        unsigned half = count / 2;

        if (ranges[low + half].start_value <= number) {
            low += half;
            count -= half;
        } else {
            count = half;
        }
    }
    size = ranges[low + 1].orig_index - ranges[low].orig_index; /* the table ends with a range of no fields */
    offset = (unsigned)(number - ranges[low].start_value);
    return offset < size ? &type->fields[ranges[low].orig_index + offset] : NULL;
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
    return PROTOBUF_C_WIRE_TYPE_VARINT;
}

/* --- memory
 * ----------------------------------------------------------------------------------------------------------- */

static void charge(struct scan *scan, size_t bytes)
{
    scan->unpacked += (bytes + ALLOCATION_BYTES - 1) / ALLOCATION_BYTES * ALLOCATION_BYTES;
}

/* What an element of a repeated field takes in its array. */
static size_t element_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
        return 8;
    }
    return 8;
}

/* Charges the frame's list of fields for one more. */
static void charge_listing(struct scan *scan, struct frame *frame)
{
    if (frame->listed == frame->listed_capacity) {
        size_t more = frame->listed_capacity + LISTED_ON_STACK; /* 16, then 32 more, 64 more, ... */

        charge(scan, more * LISTED_BYTES);
        frame->listed_capacity += more;
    }
    frame->listed++;
}

/*
 * A singular message field that comes again is merged with the earlier one, and that copies what both hold together
 * into new arrays: thousands of repetitions of one small message would take quadratic memory. So each repetition is
 * charged with all that the frame has taken so far. The bits suffice for 128 fields; in a larger type an innocent field
 * might be charged.
 */
static void charge_merge(struct scan *scan, struct frame *frame)
{
    size_t index = (size_t)(scan->field - frame->type->fields);
    uint64_t *seen = &frame->seen[index / 64 % 2], bit = UINT64_C(1) << index % 64;

    if ((*seen & bit) != 0) {
        size_t copied = scan->unpacked - frame->unpacked_before - frame->merged;

        charge(scan, copied);
        frame->merged += copied;
    }
    *seen |= bit;
}

/* --- fields
 * ----------------------------------------------------------------------------------------------------------- */

static enum scan_result open_message(struct scan *scan, const ProtobufCMessageDescriptor *type, size_t len)
{
    struct frame *frame;

    if (scan->depth == scan->depth_max)
        return SCAN_TOO_DEEP;
    frame = &scan->frames[scan->depth++];
    *frame = (struct frame){
        .type = type,
        .end = scan->at + len,
        .unpacked_before = scan->unpacked,
        .listed_capacity = LISTED_ON_STACK,
    };
    charge(scan, type->sizeof_message);
    if (type->n_fields > 128)
        charge(scan, type->n_fields / 8 + 1); /* protobuf-c's bitmap of required fields leaves its stack */
    return SCAN_OK;
}

static enum scan_result scan_packed(struct scan *scan, size_t len)
{
    const uint8_t *end = scan->at + len;
    ProtobufCWireType wire = wire_type_of(scan->field->type);
    size_t count = 0;
    uint64_t value;

    if (wire != PROTOBUF_C_WIRE_TYPE_VARINT) {
        size_t width = wire == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;

        if (len % width != 0)
            return SCAN_MALFORMED;
        count = len / width;
        scan->at = end;
    }
    for (; scan->at < end; count++)
        if (!read_varint(scan, end, VARINT_BYTES_MAX, &value))
            return SCAN_MALFORMED;
    /* Of one array per field and message; rounded up for each run of elements, which is more than enough. */
    charge(scan, (scan->field->type == PROTOBUF_C_TYPE_BOOL ? len : count) * element_bytes(scan->field->type));
    return SCAN_OK;
}

static enum scan_result scan_length_delimited(struct scan *scan, struct frame *frame)
{
    const ProtobufCFieldDescriptor *field = scan->field;
    enum scan_result result = SCAN_OK;
    size_t len;

    if (!read_length(scan, frame->end, &len))
        return SCAN_MALFORMED;
    if (field == NULL) {
        charge(scan, len + LENGTH_BYTES_MAX);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (field->label != PROTOBUF_C_LABEL_REPEATED)
            charge_merge(scan, frame);
        return open_message(scan, field->descriptor, len); /* its end moves `at` */
    } else if (field->type == PROTOBUF_C_TYPE_STRING) {
        charge(scan, len + 1);
        result = scan_text(scan->at, len);
    } else if (field->type == PROTOBUF_C_TYPE_BYTES) {
        charge(scan, len);
    } else {
        return scan_packed(scan, len);
    }
    if (result == SCAN_OK)
        scan->at += len;
    return result;
}

static enum scan_result scan_value(struct scan *scan, struct frame *frame, unsigned wire)
{
    size_t width = wire == PROTOBUF_C_WIRE_TYPE_64BIT ? 8 : 4;
    uint64_t value;

    switch (wire) {
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return scan_length_delimited(scan, frame);
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        if (!read_varint(scan, frame->end, VARINT_BYTES_MAX, &value))
            return SCAN_MALFORMED;
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        if ((size_t)(frame->end - scan->at) < width)
            return SCAN_MALFORMED;
        scan->at += width;
        break;
    default:
        return SCAN_MALFORMED; /* groups, which neither the API nor protobuf-c has, and types that do not exist */
    }
    if (scan->field == NULL)
        charge(scan, VARINT_BYTES_MAX);
    return SCAN_OK;
}

/* Whether a value of this wire type can be one of the known field. */
static bool wire_type_fits(const ProtobufCFieldDescriptor *field, unsigned wire)
{
    unsigned own = wire_type_of(field->type);

    return wire == own || (field->label == PROTOBUF_C_LABEL_REPEATED && wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

static enum scan_result scan_field(struct scan *scan, struct frame *frame)
{
    uint64_t tag;
    unsigned wire;

    scan->field = NULL;
    if (!read_varint(scan, frame->end, LENGTH_BYTES_MAX, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return SCAN_MALFORMED;
    wire = (unsigned)(tag & 7);
    if (frame->last == NULL || frame->last->id != tag >> 3) {
        const ProtobufCFieldDescriptor *found = find_field(frame->type, (int)(tag >> 3));

        if (found != NULL)
            frame->last = found;
        scan->field = found;
    } else {
        scan->field = frame->last;
    }
    charge_listing(scan, frame);
    if (scan->field == NULL) {
        charge(scan, sizeof(ProtobufCMessageUnknownField));
    } else {
        if (!wire_type_fits(scan->field, wire))
            return SCAN_MALFORMED;
        if (scan->field->label == PROTOBUF_C_LABEL_REPEATED)
            charge(scan, element_bytes(scan->field->type));
    }
    return scan_value(scan, frame, wire);
}

static enum scan_result scan_frames(struct scan *scan)
{
    while (scan->depth > 0) {
        struct frame *frame = &scan->frames[scan->depth - 1];
        enum scan_result result;

        if (scan->unpacked > scan->unpacked_max)
            return SCAN_TOO_LARGE;
        if (scan->at == frame->end) {
            scan->depth--;
            continue;
        }
        result = scan_field(scan, frame);
        if (result != SCAN_OK)
            return result;
    }
    return SCAN_OK;
}

enum scan_result scan_message(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
                              const struct scan_limits *limits, struct scan_report *report)
{
    struct scan scan; /* frames are set as they are opened */
    enum scan_result result;

    if (limits == NULL)
        limits = &scan_limits_default;
    invariant(limits->depth_max > 0 && limits->depth_max <= SCAN_DEPTH_MAX, "scanning %u levels", limits->depth_max);
    scan.start = scan.at = len == 0 ? (const uint8_t *)"" : data;
    scan.unpacked = 0;
    scan.unpacked_max = limits->unpacked_bytes_base + len * limits->unpacked_bytes_per_byte;
    scan.depth = 0;
    scan.depth_max = limits->depth_max;
    scan.field = NULL;

    result = open_message(&scan, type, len);
    if (result == SCAN_OK)
        result = scan_frames(&scan);
    if (report != NULL)
        *report = (struct scan_report){
            .offset = (size_t)(scan.at - scan.start),
            .type = scan.depth > 0 ? scan.frames[scan.depth - 1].type : type,
            .field = result == SCAN_OK ? NULL : scan.field,
            .unpacked_bytes = scan.unpacked,
        };
    return result;
}

const char *scan_result_text(enum scan_result result)
{
    switch (result) {
    case SCAN_OK:
        return "well-formed";
    case SCAN_MALFORMED:
        return "cannot parse invalid wire-format data";
    case SCAN_TOO_DEEP:
        return "message is nested too deeply";
    case SCAN_TOO_LARGE:
        return "message has too many elements for its size";
    case SCAN_INVALID_UTF8:
        return "string field contains invalid UTF-8";
    case SCAN_NUL_IN_STRING:
        return "string field contains a NUL character";
    }
    return "unknown";
}
