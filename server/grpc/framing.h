/*
 * The small codecs of gRPC over HTTP/2 (github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): message prefix,
 * time-outs, status texts, binary headers. Pure: bytes in, bytes out.
 */
#ifndef FERMATA_SERVER_GRPC_FRAMING_H
#define FERMATA_SERVER_GRPC_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"

enum { MESSAGE_PREFIX_BYTES = 5 };

/* The largest message that we take, as the real server (the default of its gRPC library). */
enum { MESSAGE_BYTES_MAX = 4 * 1024 * 1024 };

/* Reads one length-prefixed message after the other from pieces of any size. Zeroed is the start. */
struct message_reader {
    uint8_t prefix[MESSAGE_PREFIX_BYTES];
    uint8_t prefix_len; /* how much of the prefix has been read */
    struct buffer body; /* empty when the message lay in one piece, which is the usual case */
};

enum message_read {
    MESSAGE_PARTIAL,   /* all of the piece has been taken in, more is needed */
    MESSAGE_COMPLETE,  /* *ret_message is set, the piece may hold more */
    MESSAGE_TOO_LARGE, /* the prefix announces more than MESSAGE_BYTES_MAX; message_reader_length says how much */
    MESSAGE_BAD_FLAG,  /* the first byte of the prefix is neither 0 nor 1 */
};

/* Takes bytes from the front of `*piece`. A complete message is a view into the piece or into the reader, good until
 * the next call. */
enum message_read message_reader_take(struct message_reader *reader, struct bytes *piece, struct bytes *ret_message,
                                      bool *ret_compressed);

/* The length that the current prefix announces. */
uint32_t message_reader_length(const struct message_reader *reader);

/* Whether it stands in the midst of a message. */
bool message_reader_is_midway(const struct message_reader *reader);

/* Frees what it holds. */
void message_reader_free(struct message_reader *reader);

/* Writes the prefix of a message of `len` bytes. */
void message_prefix_write(uint8_t prefix[MESSAGE_PREFIX_BYTES], bool compressed, uint32_t len);

/* Reads a grpc-timeout ("100m"); held at NANOS_MAX. NULL when it is good, else what is wrong with it, in `arena`, in
 * the words of the real server. */
const char *timeout_parse(struct arena *arena, const char *text, size_t len, nanos *ret_timeout);

/* A grpc-message: percent-encoded, ill-formed UTF-8 replaced by U+FFFD; zero-terminated. Texts are cut at `len_max`
 * encoded bytes, between characters. */
struct bytes percent_encode(struct arena *arena, const char *text, size_t len_max);

/* Base64 without padding, as binary headers travel; zero-terminated. */
struct bytes base64_encode(struct arena *arena, struct bytes data);

#endif
