/* Search attributes in packed messages: found, changed, and in bytes that are none. */
#include "proto/packed_attributes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "proto/pb.h"

static struct arena *arena;

static void make_arena(void)
{
    arena = arena_new(4096);
}

static void free_arena(void)
{
    arena_free(arena);
}

static struct bytes packed_attributes(void)
{
    static const char *const values[][3] = {
        {"Number", "Int", "5"}, {"Words", "KeywordList", "[\"a\", \"b\"]"}, {"Nothing", "Int", "null"}};
    PbSearchAttributes *attributes = ARENA_NEW_PB(arena, PbSearchAttributes);

    attributes->indexed_fields = ARENA_NEW_ARRAY(arena, PbSearchAttributesIndexedFieldsEntry *, 3);
    for (size_t i = 0; i < 3; i++) {
        PbSearchAttributesIndexedFieldsEntry *entry = ARENA_NEW_PB(arena, PbSearchAttributesIndexedFieldsEntry);
        PbPayloadMetadataEntry *type = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

        type->key = "type";
        type->value = (ProtobufCBinaryData){strlen(values[i][1]), (uint8_t *)arena_strdup(arena, values[i][1])};
        entry->key = values[i][0];
        entry->value = ARENA_NEW_PB(arena, PbPayload);
        entry->value->metadata = ARENA_NEW(arena, PbPayloadMetadataEntry *);
        entry->value->metadata[entry->value->n_metadata++] = type;
        entry->value->data = (ProtobufCBinaryData){strlen(values[i][2]), (uint8_t *)arena_strdup(arena, values[i][2])};
        attributes->indexed_fields[attributes->n_indexed_fields++] = entry;
    }
    return pb_pack(arena, attributes);
}

START_TEST(values_are_found_in_a_packed_message)
{
    struct bytes packed = packed_attributes();
    struct search_value value;

    ck_assert_int_eq(search_value_find(arena, packed, "Number", INDEXED_VALUE_TYPE_INT, &value), SEARCH_VALUE_SET);
    ck_assert_int_eq(value.integer, 5);
    ck_assert_int_eq(search_value_find(arena, packed, "Words", INDEXED_VALUE_TYPE_KEYWORD_LIST, &value),
                     SEARCH_VALUE_SET);
    ck_assert_uint_eq(value.texts_count, 2);
    ck_assert(bytes_equal(value.texts[1], bytes_of("b")));
    ck_assert_int_eq(search_value_find(arena, packed, "Number", INDEXED_VALUE_TYPE_DOUBLE, &value), SEARCH_VALUE_NONE);
    ck_assert_int_eq(search_value_find(arena, packed, "Nothing", INDEXED_VALUE_TYPE_INT, &value), SEARCH_VALUE_NONE);
    ck_assert_int_eq(search_value_find(arena, packed, "Numbers", INDEXED_VALUE_TYPE_INT, &value), SEARCH_VALUE_NONE);
}
END_TEST

static void count_attribute(void *context, struct bytes key, struct bytes data, struct bytes type)
{
    struct search_value value;

    ++*(int *)context;
    (void)type;
    (void)key;
    search_value_read(arena, data, INDEXED_VALUE_TYPE_KEYWORD_LIST, &value);
}

START_TEST(damaged_messages_do_no_harm)
{
    struct rand *noise = rand_new(99);
    struct bytes packed = packed_attributes();
    const struct attribute_change words = {"Words", "KeywordList", bytes_of("[]")};
    struct buffer changed = {0};
    int count = 0;

    for (int i = 0; i < 20000; i++) {
        size_t length = (size_t)rand_below(noise, packed.len + 1);
        uint8_t *damaged = arena_alloc(arena, length + 1);
        struct search_value value;

        if (length > 0) {
            memcpy(damaged, packed.data, length);
            damaged[rand_below(noise, length)] = (uint8_t)rand_bits(noise);
        }
        search_attributes_each((struct bytes){damaged, length}, NULL, count_attribute, &count);
        search_value_find(arena, (struct bytes){damaged, length}, "Words", INDEXED_VALUE_TYPE_KEYWORD_LIST, &value);
        packed_attributes_change((struct bytes){damaged, length}, &words, 1, &changed);
        buffer_free(&changed);
        arena_reset(arena);
        packed = packed_attributes();
    }
    ck_assert_int_gt(count, 0);
    rand_free(noise);
}
END_TEST

/* "Name=data (type)", one after another, as protobuf-c reads what a change has written; "unchanged" when nothing was.
 */
static const char *after(struct bytes packed, const struct attribute_change *changes, size_t count)
{
    const char *text = "";
    struct buffer changed = {0};
    const PbSearchAttributes *attributes;

    if (!packed_attributes_change(packed, changes, count, &changed))
        return changed.len == 0 ? "unchanged" : "written";
    attributes = pb_unpack(arena, &PbSearchAttributes_descriptor, changed.data, changed.len);
    ck_assert_ptr_nonnull(attributes);
    ck_assert(
        bytes_equal(pb_pack(arena, attributes), (struct bytes){changed.data, changed.len})); /* as others write it */
    for (size_t i = 0; i < attributes->n_indexed_fields; i++) {
        const PbSearchAttributesIndexedFieldsEntry *entry = attributes->indexed_fields[i];
        const PbPayloadMetadataEntry *type = entry->value->metadata[entry->value->n_metadata - 1];

        text =
            arena_printf(arena, "%s%s=%.*s (%.*s) ", text, entry->key, (int)entry->value->data.len,
                         (const char *)entry->value->data.data, (int)type->value.len, (const char *)type->value.data);
    }
    buffer_free(&changed);
    return text;
}

static struct attribute_change change_to(const char *name, const char *type, const char *json)
{
    return (struct attribute_change){name, type, bytes_of(json)};
}

START_TEST(attributes_are_changed)
{
    struct bytes packed = packed_attributes();
    const char *long_text = arena_printf(arena, "\"%0300d\"", 0);
    struct attribute_change two[] = {change_to("Words", "KeywordList", "[\"c\"]"), {.name = "Number"}};
    struct attribute_change same = change_to("Number", "Int", "5"), other_type = change_to("Number", "Keyword", "5"),
                            unknown = {.name = "Unknown"}, added = change_to("New", "Keyword", long_text);

    ck_assert_str_eq(after(packed, two, 2), "Nothing=null (Int) Words=[\"c\"] (KeywordList) ");
    ck_assert_str_eq(after(packed, two, 1), "Number=5 (Int) Nothing=null (Int) Words=[\"c\"] (KeywordList) ");
    ck_assert_str_eq(after(packed, &same, 1), "unchanged");
    ck_assert_str_eq(after(packed, &other_type, 1),
                     "Words=[\"a\", \"b\"] (KeywordList) Nothing=null (Int) Number=5 (Keyword) ");
    ck_assert_str_eq(after(packed, &unknown, 1), "unchanged");
    ck_assert_str_eq(after((struct bytes){0}, &unknown, 1), "unchanged");
    ck_assert_str_eq(after((struct bytes){0}, &added, 1), arena_printf(arena, "New=%s (Keyword) ", long_text));
    ck_assert_str_eq(after((struct bytes){0}, two, 2), "Words=[\"c\"] (KeywordList) ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packed_attributes");
    TCase *tcase = tcase_create("packed_attributes");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, make_arena, free_arena);
    tcase_add_test(tcase, values_are_found_in_a_packed_message);
    tcase_add_test(tcase, damaged_messages_do_no_harm);
    tcase_add_test(tcase, attributes_are_changed);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
