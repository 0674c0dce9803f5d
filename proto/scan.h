/*
 * A look at the bytes of a message before they are unpacked: one pass, no allocation, no recursion. protobuf-c trusts
 * what it reads too much: it recurses as deep as a message nests, makes gigabytes out of megabytes, keeps strings that
 * are not UTF-8, and cuts strings at their first NUL. What SCAN_OK was said of, it unpacks within the limits given
 * here.
 *
 * SC1  SCAN_OK implies that pb_unpack succeeds and allocates at most report->unpacked_bytes.
 * SC2  Time is proportional to the length, memory is constant.
 *
 * Bytes fields are not looked into: who unpacks a message out of one (Payload, Any) scans that by itself; pb_unpack_any
 * does.
 */
#ifndef FERMATA_PROTO_SCAN_H
#define FERMATA_PROTO_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

/*
 * How deep messages may nest, the outermost being 1; a map's entry is a level too. The deepest that SDKs make are
 * chains of causes in a Failure, and C++ and Java clients refuse to read more than 100 levels. protobuf-c needs about a
 * kilobyte of stack per level, and whatever walks a message recursively after it may count on this bound.
 */
#define SCAN_DEPTH_MAX 500

/*
 * What a message may grow to in memory: a base, and so many bytes per byte on the wire. Honest messages grow 5 to 25
 * times (maps of short strings; thousands of timers with one-letter ids), and this is twice that; a message of empty
 * sub-messages would grow 80 to 200 times. The base lets small messages be as dense as they like.
 */
#define SCAN_UNPACKED_BYTES_BASE     (256 * 1024)
#define SCAN_UNPACKED_BYTES_PER_BYTE 48

enum scan_result {
    SCAN_OK,
    SCAN_MALFORMED,     /* not protobuf, or a field of another wire type than its own; groups count as such */
    SCAN_TOO_DEEP,      /* nested deeper than limits->depth_max */
    SCAN_TOO_LARGE,     /* would take more memory than the limits say */
    SCAN_INVALID_UTF8,  /* a string field that is not UTF-8 */
    SCAN_NUL_IN_STRING, /* a string field with a NUL character: valid protobuf, but C would cut it there */
};

/* Bounds; depth_max is at most SCAN_DEPTH_MAX. */
struct scan_limits {
    unsigned depth_max;
    size_t unpacked_bytes_base, unpacked_bytes_per_byte;
};

/* SCAN_DEPTH_MAX, SCAN_UNPACKED_BYTES_BASE, SCAN_UNPACKED_BYTES_PER_BYTE. */
extern const struct scan_limits scan_limits_default;

/* What was found: where it failed, and how large the message would be. */
struct scan_report {
    size_t offset;                          /* of the byte where scanning stopped; the length when it is SCAN_OK */
    const ProtobufCMessageDescriptor *type; /* the message that it stopped in */
    const ProtobufCFieldDescriptor *field;  /* the field; NULL at a tag, or when the field is unknown */
    size_t unpacked_bytes;                  /* an upper bound of what unpacking allocates, up to where it stopped */
};

/* Scans `len` bytes that are to be a message of `type`. NULL limits mean the default ones; a NULL report is not filled.
 */
enum scan_result scan_message(const ProtobufCMessageDescriptor *type, const void *data, size_t len,
                              const struct scan_limits *limits, struct scan_report *report);

/* A few words for a client: "string field contains invalid UTF-8". A literal. */
const char *scan_result_text(enum scan_result result);

#endif
