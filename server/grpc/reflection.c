/*
 * gRPC server reflection, v1 and v1alpha (which share types and handler): answers from the API's embedded descriptors,
 * so that grpcurl and its like know every service and message. A file is sent with all that it imports.
 */
#include <string.h>

#include "proto/descriptor_files.h"
#include "proto/pb.h"
#include "server/frontend/handlers.h"
#include "server/grpc/stream_call.h"
#include "server/rpc_table.h"

static void answer_error(struct arena *arena, PbServerReflectionResponse *response, enum status_code code,
                         const char *text)
{
    PbErrorResponse *error = ARENA_NEW_PB(arena, PbErrorResponse);

    error->error_code = (int32_t)code;
    error->error_message = text;
    response->message_response_case = PbServerReflectionResponse_error_response_case;
    response->error_response = error;
}

static void answer_services(struct arena *arena, PbServerReflectionResponse *response)
{
    PbListServiceResponse *list = ARENA_NEW_PB(arena, PbListServiceResponse);

    list->service = ARENA_NEW_ARRAY(arena, PbServiceResponse *, rpc_table_count);
    for (size_t i = 0; i < rpc_table_count; i++) {
        const char *name = rpc_table[i].service;
        PbServiceResponse *service;

        if (i > 0 && strcmp(name, rpc_table[i - 1].service) == 0)
            continue; /* sorted by path, so a service's methods stand together */
        service = ARENA_NEW_PB(arena, PbServiceResponse);
        service->name = name;
        list->service[list->n_service++] = service;
    }
    response->message_response_case = PbServerReflectionResponse_list_services_response_case;
    response->list_services_response = list;
}

/* Collects a file and all that it imports, each once, the file itself first: that is where clients look. */
static size_t collect_files(struct arena *arena, const struct descriptor_file *wanted,
                            const struct descriptor_file **files)
{
    bool *seen = ARENA_NEW_ARRAY(arena, bool, descriptor_files_count);
    size_t count = 1;

    files[0] = wanted;
    seen[wanted - descriptor_files] = true;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < files[i]->imports_count; j++) {
            size_t import = files[i]->imports[j];

            if (!seen[import])
                files[count++] = &descriptor_files[import];
            seen[import] = true;
        }
    }
    return count;
}

static void answer_file(struct arena *arena, PbServerReflectionResponse *response, const struct descriptor_file *wanted)
{
    const struct descriptor_file **files;
    PbFileDescriptorResponse *answer;

    if (wanted == NULL) {
        answer_error(arena, response, GRPC_NOT_FOUND, "not found");
        return;
    }
    files = ARENA_NEW_ARRAY(arena, const struct descriptor_file *, descriptor_files_count);
    answer = ARENA_NEW_PB(arena, PbFileDescriptorResponse);
    answer->n_file_descriptor_proto = collect_files(arena, wanted, files);
    answer->file_descriptor_proto = ARENA_NEW_ARRAY(arena, ProtobufCBinaryData, answer->n_file_descriptor_proto);
    for (size_t i = 0; i < answer->n_file_descriptor_proto; i++)
        answer->file_descriptor_proto[i] = (ProtobufCBinaryData){
            .len = files[i]->len, .data = (uint8_t *)(uintptr_t)files[i]->data, /* read only, whatever its type says */
        };
    response->message_response_case = PbServerReflectionResponse_file_descriptor_response_case;
    response->file_descriptor_response = answer;
}

/* The API has no extensions but of options, which nobody asks for by type. */
static void answer_extension_numbers(struct arena *arena, PbServerReflectionResponse *response, const char *type)
{
    PbExtensionNumberResponse *none = ARENA_NEW_PB(arena, PbExtensionNumberResponse);

    if (descriptor_file_by_symbol(type) == NULL) {
        answer_error(arena, response, GRPC_NOT_FOUND, "not found");
        return;
    }
    none->base_type_name = type;
    response->message_response_case = PbServerReflectionResponse_all_extension_numbers_response_case;
    response->all_extension_numbers_response = none;
}

status rpc_reflection_server_reflection_info(struct call *call, const PbServerReflectionRequest *req,
                                             PbServerReflectionResponse *ignored)
{
    PbServerReflectionRequest *original = ARENA_NEW_PB(call->arena, PbServerReflectionRequest);
    PbServerReflectionResponse *response = ARENA_NEW_PB(call->arena, PbServerReflectionResponse);

    (void)ignored;
    *original = *req;
    response->valid_host = req->host;
    response->original_request = original;
    switch (req->message_request_case) {
    case PbServerReflectionRequest_file_by_filename_case:
        answer_file(call->arena, response, descriptor_file_by_name(req->file_by_filename));
        break;
    case PbServerReflectionRequest_file_containing_symbol_case:
        answer_file(call->arena, response, descriptor_file_by_symbol(req->file_containing_symbol));
        break;
    case PbServerReflectionRequest_file_containing_extension_case:
        answer_error(call->arena, response, GRPC_NOT_FOUND, "not found");
        break;
    case PbServerReflectionRequest_all_extension_numbers_of_type_case:
        answer_extension_numbers(call->arena, response, req->all_extension_numbers_of_type);
        break;
    case PbServerReflectionRequest_list_services_case:
        answer_services(call->arena, response);
        break;
    default:
        return status_error(GRPC_INVALID_ARGUMENT, "invalid MessageRequest");
    }
    return stream_call_send(call, &response->base);
}
