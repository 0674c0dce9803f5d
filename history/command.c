/* Commands in general: the table, the sequence check, and how one is refused. */
#include <stdarg.h>
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"
#include "proto/pb.h"

struct command_type {
    PbCommandType type;
    PbCommand__AttributesCase attributes_case;
    bool closes;
    command_decide *decide;
};

static const struct command_type command_types[] = {
#define COMMAND(upper, attributes, decide, closes)                                                               \
    {COMMAND_TYPE_##upper, TEMPORAL__API__COMMAND__V1__COMMAND__ATTRIBUTES_##upper##_COMMAND_ATTRIBUTES, closes, \
     decide},
#include "history/command_types.def"
#undef COMMAND
};

static const struct command_type *find(PbCommandType type)
{
    for (size_t i = 0; i < sizeof(command_types) / sizeof(command_types[0]); i++)
        if (command_types[i].type == type)
            return &command_types[i];
    return NULL;
}

const char *command_type_name(struct arena *arena, PbCommandType type)
{
    return pb_enum_short_name(arena, &PbCommandType_descriptor, (int)type, "COMMAND_TYPE_");
}

const char *failed_cause_name(struct arena *arena, PbWorkflowTaskFailedCause cause)
{
    return pb_enum_short_name(arena, &PbWorkflowTaskFailedCause_descriptor, (int)cause, "WORKFLOW_TASK_FAILED_CAUSE_");
}

static bool is_known_to_api(PbCommandType type)
{
    return type != COMMAND_TYPE_UNSPECIFIED &&
           protobuf_c_enum_descriptor_get_value(&PbCommandType_descriptor, (int)type) != NULL;
}

/* A completion may carry a million commands; an error's text ends at 4000 bytes anyway. */
enum { SEQUENCE_NAMES_MAX = 64 };

static const char *sequence_text(struct arena *arena, const PbRespondWorkflowTaskCompletedRequest *request)
{
    char *text = arena_strdup(arena, "");

    for (size_t i = 0; i < request->n_commands && i < SEQUENCE_NAMES_MAX; i++)
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ",
                            command_type_name(arena, request->commands[i]->command_type));
    return request->n_commands <= SEQUENCE_NAMES_MAX ? text : arena_printf(arena, "%s, ...", text);
}

const char *workflow_task_check_sequence(struct arena *arena, const PbRespondWorkflowTaskCompletedRequest *request)
{
    for (size_t i = 0; i < request->n_commands; i++) {
        PbCommandType type = request->commands[i]->command_type;
        const struct command_type *known = find(type);

        if (!is_known_to_api(type))
            return arena_printf(arena, "unknown command type: %s", command_type_name(arena, type));
        if (known != NULL && known->closes && i + 1 < request->n_commands)
            return arena_printf(arena, "invalid command sequence: [%s], command %s must be the last command.",
                                sequence_text(arena, request), command_type_name(arena, type));
    }
    return NULL;
}

static struct refusal refuse_va(struct transition *t, PbWorkflowTaskFailedCause cause, const char *format, va_list args)
{
    return (struct refusal){
        .cause = cause,
        .text =
            arena_printf(t->arena, "%s: %s", failed_cause_name(t->arena, cause), arena_vprintf(t->arena, format, args)),
    };
}

struct refusal refuse(struct transition *t, PbWorkflowTaskFailedCause cause, const char *format, ...)
{
    struct refusal refusal;
    va_list args;

    va_start(args, format);
    refusal = refuse_va(t, cause, format, args);
    va_end(args);
    return refusal;
}

struct refusal refuse_and_terminate(struct transition *t, PbWorkflowTaskFailedCause cause, const char *format, ...)
{
    struct refusal refusal;
    va_list args;

    va_start(args, format);
    refusal = refuse_va(t, cause, format, args);
    va_end(args);
    refusal.terminates_run = true;
    return refusal;
}

struct refusal decide_command(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const struct command_type *known = find(command->command_type);
    struct refusal refusal;

    if (known == NULL)
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_FEATURE_DISABLED, "%s is not supported by this server yet.",
                      command_type_name(t->arena, command->command_type));
    if (command->attributes_case != known->attributes_case)
        command = NULL; /* each decider has its own text for missing attributes */
    t->command = command;
    refusal = known->decide(t, command, task);
    t->command = NULL;
    return refusal;
}
