/* SHA-1 by the examples of RFC 3174 and FIPS 180, and UUIDs that are made of names. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha1.h"
#include "base/uuid.h"

static void expect(const char *data, size_t len, const char *digest)
{
    uint8_t bytes[SHA1_BYTES];
    char text[2 * SHA1_BYTES + 1];

    sha1(data, len, bytes);
    for (int i = 0; i < SHA1_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    ck_assert_str_eq(text, digest);
}

START_TEST(examples)
{
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

    expect("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    expect("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
    expect(two_blocks, strlen(two_blocks), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
}
END_TEST

START_TEST(a_million_bytes)
{
    size_t len = 1000000;
    char *data = malloc(len);

    memset(data, 'a', len);
    expect(data, len, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    free(data);
}
END_TEST

START_TEST(the_uuid_of_a_name)
{
    /* The real server's request id of a batch's signal, release 1.32.0. */
    uint8_t uuid[UUID_BYTES];
    char text[UUID_TEXT_BYTES];

    uuid_of_name("job-dc9157297bf6:signal:wf-e4211de20163:01a1ff0f-7c67-74e0-9ca4-2120bba4ca88:sig", uuid);
    uuid_format(uuid, text);
    ck_assert_str_eq(text, "b93e5ace-7490-5f01-b47f-d983513173db");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sha1");
    TCase *tcase = tcase_create("sha1");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, examples);
    tcase_add_test(tcase, a_million_bytes);
    tcase_add_test(tcase, the_uuid_of_a_name);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
