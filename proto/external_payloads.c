/* A walk over a message by its descriptors. What came from outside nests SCAN_DEPTH_MAX deep at most. */
#include "proto/external_payloads.h"

#include "proto/api.h"

static void add_payload(const PbPayload *payload, struct external_payloads *sum)
{
    for (size_t i = 0; i < payload->n_external_payloads; i++) {
        sum->count++;
        /* Clients say how large, so it may be anything: beyond the end it goes round, as on the real server. */
        sum->bytes = (int64_t)((uint64_t)sum->bytes + (uint64_t)payload->external_payloads[i]->size_bytes);
    }
}

static void add_field(const ProtobufCFieldDescriptor *field, const uint8_t *base, struct external_payloads *sum)
{
    const uint8_t *quantifier = base + field->quantifier_offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        const void *const *values = *(const void *const *const *)(const void *)(base + field->offset);
        size_t count = *(const size_t *)(const void *)quantifier;

        for (size_t i = 0; i < count; i++)
            external_payloads_add(values[i], sum);
        return;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 && *(const uint32_t *)(const void *)quantifier != field->id)
        return; /* another member's */
    external_payloads_add(*(const void *const *)(const void *)(base + field->offset), sum);
}

void external_payloads_add(const void *message, struct external_payloads *sum)
{
    const ProtobufCMessageDescriptor *type;

    if (message == NULL)
        return;
    type = ((const ProtobufCMessage *)message)->descriptor;
    if (type == &PbSearchAttributes_descriptor)
        return;
    if (type == &PbPayload_descriptor) {
        add_payload(message, sum);
        return;
    }
    for (unsigned i = 0; i < type->n_fields; i++)
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            add_field(&type->fields[i], message, sum);
}
