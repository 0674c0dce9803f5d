/*
 * Semantic versions (semver.org 2.0.0) and ranges of them in the notation that clients send: ">=1.0.0 <2.0.0 || 3.x".
 * A space means "and", || means "or" and binds less. The texts for what cannot be read are those of the real server's
 * library.
 */
#include "server/frontend/client_version.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/pb.h"
#include "server/frontend/messages.h"
#include "server/options.h"

const struct supported_client supported_clients[] = {
    {"temporal-go", "<2.0.0"},         {"temporal-java", "<2.0.0"}, {"temporal-php", "<2.0.0"},
    {"temporal-typescript", "<2.0.0"}, {"temporal-cli", "<2.0.0"},  {"temporal-server", "<2.0.0"},
    {"temporal-ui", "<3.0.0"},         {"Nexus-go-sdk", "<2.0.0"},
};
const size_t supported_clients_count = sizeof(supported_clients) / sizeof(supported_clients[0]);

struct version {
    uint64_t major, minor, patch;
    const char *pre; /* the prerelease, dot-separated; "" for none */
};

/* What is wrong with one of the three numbers, or NULL. */
static const char *number_problem(struct arena *arena, const char *which, const char *text, uint64_t *ret_number)
{
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return arena_printf(arena, "Invalid character(s) found in %s number \"%s\"", which, text);
    if (text[0] == '0' && text[1] != '\0')
        return arena_printf(arena, "%c%s number must not contain leading zeroes \"%s\"",
                            toupper((unsigned char)which[0]), which + 1, text);
    errno = 0;
    *ret_number = strtoull(text, NULL, 10);
    return errno == 0 ? NULL : arena_printf(arena, "%s number is too large \"%s\"", which, text);
}

/* What is wrong with an identifier of a prerelease, or NULL. */
static const char *prerelease_problem(struct arena *arena, const char *identifier, size_t len)
{
    const char *text = arena_strndup(arena, identifier, len);

    if (len == 0)
        return "Prerelease is empty";
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '-')
            return arena_printf(arena, "Invalid character(s) found in prerelease \"%s\"", text);
    }
    if (text[strspn(text, "0123456789")] == '\0' && text[0] == '0' && len > 1)
        return arena_printf(arena, "Numeric PreRelease version must not contain leading zeroes \"%s\"", text);
    return NULL;
}

/* Reads a version; what is wrong with it, or NULL. */
static const char *version_read(struct arena *arena, const char *text, struct version *ret_version)
{
    char *copy = arena_strdup(arena, text), *minor, *patch, *end;
    const char *problem;

    if (*text == '\0')
        return "Version string empty";
    minor = strchr(copy, '.');
    patch = minor == NULL ? NULL : strchr(minor + 1, '.');
    if (patch == NULL)
        return "No Major.Minor.Patch elements found";
    *minor++ = '\0';
    *patch++ = '\0';
    if ((problem = number_problem(arena, "major", copy, &ret_version->major)) != NULL ||
        (problem = number_problem(arena, "minor", minor, &ret_version->minor)) != NULL)
        return problem;
    end = strchr(patch, '+'); /* build metadata has no say in any comparison */
    if (end != NULL)
        *end = '\0';
    ret_version->pre = "";
    end = strchr(patch, '-');
    if (end != NULL) {
        *end = '\0';
        ret_version->pre = end + 1;
    }
    if ((problem = number_problem(arena, "patch", patch, &ret_version->patch)) != NULL || end == NULL)
        return problem;
    for (const char *identifier = ret_version->pre;; identifier += strcspn(identifier, ".") + 1) {
        size_t len = strcspn(identifier, ".");

        if ((problem = prerelease_problem(arena, identifier, len)) != NULL)
            return problem;
        if (identifier[len] == '\0')
            return NULL;
    }
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Compares two identifiers of prereleases: numbers by value and before words, words by bytes. */
static int compare_identifiers(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_is_number = strspn(a, "0123456789") >= a_len, b_is_number = strspn(b, "0123456789") >= b_len;
    int order;

    if (a_is_number != b_is_number)
        return a_is_number ? -1 : 1;
    if (a_is_number && a_len != b_len) /* no leading zeroes: the longer one is the larger */
        return a_len < b_len ? -1 : 1;
    order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order != 0 ? order : compare_numbers(a_len, b_len);
}

/* A version without a prerelease comes after all of its prereleases. */
static int compare_prereleases(const char *a, const char *b)
{
    if (*a == '\0' || *b == '\0')
        return (*a == '\0') - (*b == '\0');
    for (;;) {
        size_t a_len = strcspn(a, "."), b_len = strcspn(b, ".");
        int order = compare_identifiers(a, a_len, b, b_len);

        if (order != 0)
            return order;
        if (a[a_len] == '\0' || b[b_len] == '\0')
            return (a[a_len] != '\0') - (b[b_len] != '\0');
        a += a_len + 1;
        b += b_len + 1;
    }
}

static int compare_versions(const struct version *a, const struct version *b)
{
    int order = compare_numbers(a->major, b->major);

    if (order == 0)
        order = compare_numbers(a->minor, b->minor);
    if (order == 0)
        order = compare_numbers(a->patch, b->patch);
    return order != 0 ? order : compare_prereleases(a->pre, b->pre);
}

/* "1.x" or "1.2.x" as the versions from *ret_low up to, but without, *ret_end; what is wrong, or NULL. */
static const char *wildcard_read(struct arena *arena, const char *text, struct version *ret_low,
                                 struct version *ret_end)
{
    const char *problem;
    char *major = arena_strdup(arena, text), *minor = strchr(major, '.');

    *ret_low = *ret_end = (struct version){.pre = ""};
    if (minor == NULL)
        return "No Major.Minor.Patch elements found";
    *minor++ = '\0';
    if ((problem = number_problem(arena, "major", major, &ret_low->major)) != NULL)
        return problem;
    ret_end->major = ret_low->major;
    if (strcmp(minor, "x") == 0 || strcmp(minor, "x.x") == 0) {
        ret_end->major++;
        return NULL;
    }
    if (strlen(minor) < 2 || strcmp(minor + strlen(minor) - 2, ".x") != 0)
        return "No Major.Minor.Patch elements found";
    minor[strlen(minor) - 2] = '\0';
    if ((problem = number_problem(arena, "minor", minor, &ret_low->minor)) != NULL)
        return problem;
    ret_end->minor = ret_low->minor + 1;
    return NULL;
}

/* Compares with one term of a range, such as ">=1.0.0"; what is wrong with it, or NULL. */
static const char *term_matches(struct arena *arena, const char *term, const struct version *version, bool *ret_matches)
{
    size_t comparator_len = strcspn(term, "0123456789");
    const char *comparator = arena_strndup(arena, term, comparator_len), *problem, *text = term + comparator_len;
    struct version low, end;
    bool below, above; /* of what the term names, which a wildcard makes more than one version */

    if (*text == '\0')
        return arena_printf(arena, "Could not get version from string: \"%s\"", term);
    if (strchr(text, 'x') != NULL) {
        problem = wildcard_read(arena, text, &low, &end);
        above = problem == NULL && compare_versions(version, &end) >= 0;
    } else {
        problem = version_read(arena, text, &low);
        above = problem == NULL && compare_versions(version, &low) > 0;
    }
    if (problem != NULL)
        return arena_printf(arena, "Could not parse Range \"%s\": Could not parse version \"%s\" in \"%s\": %s", term,
                            text, term, problem);
    below = compare_versions(version, &low) < 0;
    if (strcmp(comparator, "<") == 0)
        *ret_matches = below;
    else if (strcmp(comparator, "<=") == 0)
        *ret_matches = !above;
    else if (strcmp(comparator, ">") == 0)
        *ret_matches = above;
    else if (strcmp(comparator, ">=") == 0)
        *ret_matches = !below;
    else if (strcmp(comparator, "!") == 0 || strcmp(comparator, "!=") == 0)
        *ret_matches = below || above;
    else if (strcmp(comparator, "") == 0 || strcmp(comparator, "=") == 0 || strcmp(comparator, "==") == 0)
        *ret_matches = !below && !above;
    else
        return arena_printf(arena, "Could not parse Range \"%s\": Could not parse comparator \"%s\" in \"%s\"", term,
                            comparator, term);
    return NULL;
}

/* The next term at *range, which moves behind it; NULL when there is none. A space behind a comparator separates
 * nothing: "> 1.0.0" is one term. */
static const char *next_term(struct arena *arena, const char **range)
{
    const char *at = *range + strspn(*range, " ");
    char *term = arena_strdup(arena, at);
    size_t len = 0;

    for (; *at != '\0' && (*at != ' ' || (len > 0 && strchr("<>=!", term[len - 1]) != NULL)); at++) {
        if (*at != ' ')
            term[len++] = *at;
    }
    term[len] = '\0';
    *range = at;
    return len == 0 ? NULL : term;
}

/* Whether the range holds the version; what is wrong with the range, or NULL. */
static const char *range_matches(struct arena *arena, const char *range, const struct version *version,
                                 bool *ret_matches)
{
    bool any = false, all = true, has_term = false;
    const char *term;

    while ((term = next_term(arena, &range)) != NULL) {
        bool matches = false;
        const char *problem = NULL;

        if (strcmp(term, "||") != 0) {
            problem = term_matches(arena, term, version, &matches);
            if (problem != NULL)
                return problem;
            all = all && matches;
            has_term = true;
            continue;
        }
        if (!has_term)
            return "First element in range is '||'";
        any = any || all;
        all = true;
        has_term = false;
    }
    if (!has_term)
        return "Last element in range is '||'";
    *ret_matches = any || all;
    return NULL;
}

static status check_client(struct arena *arena, const struct call_headers *headers,
                           const struct supported_client *client)
{
    struct version version;
    bool matches = false;
    const char *problem = version_read(arena, headers->client_version, &version);
    PbClientVersionNotSupportedFailure *failure;

    if (problem == NULL)
        problem = range_matches(arena, client->versions, &version, &matches);
    if (problem != NULL)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_CLIENT_VERSION_UNPARSABLE, problem);
    if (matches)
        return status_ok();
    failure = ARENA_NEW_PB(arena, PbClientVersionNotSupportedFailure);
    failure->client_version = headers->client_version;
    failure->client_name = client->name;
    failure->supported_versions = client->versions;
    return status_detail(arena, GRPC_FAILED_PRECONDITION, failure, MSG_CLIENT_VERSION_NOT_SUPPORTED,
                         headers->client_version, client->name, client->versions);
}

static status check_server(struct arena *arena, const char *wanted)
{
    struct version version;
    bool matches = false;
    const char *problem = version_read(arena, SERVER_VERSION, &version);
    PbServerVersionNotSupportedFailure *failure;

    if (problem == NULL)
        problem = range_matches(arena, wanted, &version, &matches);
    if (problem != NULL)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SERVER_VERSIONS_UNPARSABLE, problem);
    if (matches)
        return status_ok();
    failure = ARENA_NEW_PB(arena, PbServerVersionNotSupportedFailure);
    failure->server_version = SERVER_VERSION;
    failure->client_supported_server_versions = wanted;
    return status_detail(arena, GRPC_FAILED_PRECONDITION, failure, MSG_SERVER_VERSION_NOT_SUPPORTED, SERVER_VERSION,
                         wanted);
}

static bool is_given(const char *header)
{
    return header != NULL && header[0] != '\0';
}

status client_version_check(struct arena *arena, const struct call_headers *headers)
{
    if (!is_given(headers->client_name) || !is_given(headers->client_version))
        return status_ok(); /* the real server then ignores supported-server-versions, too */
    for (size_t i = 0; i < supported_clients_count; i++) {
        if (strcmp(headers->client_name, supported_clients[i].name) == 0)
            TRY(check_client(arena, headers, &supported_clients[i]));
    }
    return is_given(headers->supported_server_versions) ? check_server(arena, headers->supported_server_versions)
                                                        : status_ok();
}

status frontend_enter(struct call *call)
{
    if (strncmp(call->rpc->service, "temporal.api.", strlen("temporal.api.")) != 0)
        return status_ok(); /* health and reflection serve anybody */
    return client_version_check(call->arena, &call->headers);
}

bool client_supports(const struct call_headers *headers, const char *feature)
{
    const char *at = headers->supported_features;
    size_t len = strlen(feature);

    while (at != NULL) {
        if (strncmp(at, feature, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
        at = strchr(at, ',');
        if (at != NULL)
            at++;
    }
    return false;
}
