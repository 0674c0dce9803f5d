/* FarmHash's Fingerprint32: values that the real server and its hash library agree on, of every length that has a way
 * of its own. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/fingerprint.h"

static const struct {
    const char *text;
    uint32_t hash;
} VECTORS[] = {
    {"", 3696677242},
    {"a", 1016544589},
    {"abc", 795041479},
    {"\xc3\xa9-wf", 1594545827}, /* bytes above 127 */
    {"ramp-wf-0", 4070997680},
    {"ramp-wf-1", 785201685},
    {"ramp-wf-2", 643013568},
    {"ramp-wf-3", 20422404},
    {"ramp-wf-5", 1727079145},
    {"ramp-wf-11", 1450232373},
    {"ramp-wf-16", 4105680741},
    {"ramp-wf-18", 1737266687},
    {"workflow-1", 1758892097},
    {"thirteen-chr1", 763794146},
    {"workflow-id-16ch", 3416967087},
    {"workflow-id-of-24-chars!", 3411188096},
    {"workflow-id-of-25-chars!!", 2216093686},
    {"0123456789abcdefghijklmnopqrstuvwxyz", 3364957422},
};

START_TEST(is_what_others_compute)
{
    ck_assert_msg(fingerprint32(VECTORS[_i].text, strlen(VECTORS[_i].text)) == VECTORS[_i].hash, "\"%s\": %u",
                  VECTORS[_i].text, fingerprint32(VECTORS[_i].text, strlen(VECTORS[_i].text)));
}
END_TEST

START_TEST(reads_no_byte_too_many)
{
    /* On the heap in its exact length, so that the address sanitizer sees it. */
    for (size_t len = 0; len <= 130; len++) {
        char *bytes = malloc(len > 0 ? len : 1);

        memset(bytes, 'x', len);
        fingerprint32(bytes, len);
        free(bytes);
    }
    ck_assert_uint_eq(fingerprint32(NULL, 0), 3696677242);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fingerprint");
    TCase *tcase = tcase_create("fingerprint");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tcase, is_what_others_compute, 0, sizeof(VECTORS) / sizeof(VECTORS[0]));
    tcase_add_test(tcase, reads_no_byte_too_many);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
