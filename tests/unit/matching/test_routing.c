/* Routing: the table of cases. */
#include <check.h>

#include "bed.h"
#include "matching/routing.h"

#define NO_VERSION \
    {              \
        NULL, NULL \
    }

static const struct {
    const char *what;
    struct routing_input input;
    enum routing_target target;
    const char *build_id;
} CASES[] = {
    {"a plain task goes to workers without a version", {{NO_VERSION}, {false}}, ROUTING_TO_UNVERSIONED, NULL},
    {"an empty version is none", {{{"", ""}}, {false}}, ROUTING_TO_UNVERSIONED, NULL},
    {"a build id alone is none", {{{"", "7"}}, {false}}, ROUTING_TO_UNVERSIONED, NULL},
    {"a pinned task goes to its version", {{{"shop", "7"}}, {false}}, ROUTING_TO_VERSION, "7"},
    {"a plain task stays with the worker that has it cached", {{NO_VERSION}, {true}}, ROUTING_TO_STICKY, NULL},
    {"and so does a pinned one", {{{"shop", "7"}}, {true}}, ROUTING_TO_STICKY, NULL},
};

START_TEST(decides)
{
    struct routing_answer answer = routing_decide(&CASES[_i].input);

    ck_assert_msg(answer.target == CASES[_i].target, "%s: %d", CASES[_i].what, (int)answer.target);
    if (CASES[_i].build_id != NULL)
        ck_assert_str_eq(answer.version.build_id, CASES[_i].build_id);
    else
        ck_assert_ptr_null(answer.version.build_id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("routing");
    TCase *tcase = tcase_create("routing");

    tcase_add_loop_test(tcase, decides, 0, sizeof(CASES) / sizeof(CASES[0]));
    suite_add_tcase(suite, tcase);
    return bed_run(suite);
}
