/* Headers with one HMAC, and headers of name=value. Tests: test_verify_as. */
#include <string.h>

#include "base/error.h"
#include "systems/check.h"

int whi_check_simple_read(const whi_check *check, const whi_check_simple *format, whi_check_list *list) {
    size_t skip = strlen(format->prefix);
    whi_value value;
    int code = whi_check_header(check, format->name + sizeof WHI_CHECK_NAME - 1, &value);

    if (code != WH_OK) {
        return code;
    }
    whi_check_list_init(list, format->name, format->digest);
    if (strncmp(value.text, format->prefix, skip) != 0) {
        return whi_fail(WH_ESIG_FORMAT, "%s: expected \"%s\" and a signature", format->name, format->prefix);
    }
    return whi_check_list_add(list, value.text + skip, value.size - skip, format->accepted);
}

int whi_check_simple_body(const whi_check *check, const whi_check_simple *format) {
    whi_check_part part = { check->body, check->size };
    whi_check_list list;
    int code = whi_check_simple_read(check, format, &list);

    return code == WH_OK ? whi_check_match(check, &list, &part, 1) : code;
}

int whi_check_pair_is(const whi_check_pair *pair, const char *name) {
    return pair->name_size == strlen(name) && memcmp(pair->name, name, pair->name_size) == 0;
}

int whi_check_pair_next(const char **at, whi_check_pair *out) {
    size_t size;
    const char *equals;

    *at += strspn(*at, " \t,");
    size = strcspn(*at, ",");
    if (size == 0) {
        return 0;
    }
    equals = memchr(*at, '=', size);
    out->name = *at;
    out->name_size = equals != NULL ? (size_t)(equals - *at) : size;
    out->value = equals != NULL ? equals + 1 : *at + size;
    out->value_size = equals != NULL ? size - out->name_size - 1 : 0;
    *at += size;
    while (out->value_size > 0 && strchr(" \t", out->value[out->value_size - 1]) != NULL) {
        out->value_size--;
    }
    return 1;
}

int whi_check_pair_once(const char *header, const whi_check_pair *pair, whi_check_pair *out) {
    if (out->name != NULL) {
        return whi_fail(WH_ESIG_FORMAT, WHI_CHECK_NAME "%s: %.*s found twice, expected once", header,
                        (int)pair->name_size, pair->name);
    }
    *out = *pair;
    return WH_OK;
}
