#include "pure/database_url.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/server_url.h"
#include "webhook.h"

static const struct {
    const char *word;
    int scheme;
} schemes[] = {
    { "sqlite", WHI_DATABASE_SQLITE },     { "postgresql", WHI_DATABASE_POSTGRES }, { "mysql", WHI_DATABASE_MARIADB },
    { "postgres", WHI_DATABASE_POSTGRES }, { "mariadb", WHI_DATABASE_MARIADB },
};

static const uint16_t ports[] = { 0, 5432, 3306 };

static int fail(const char *what) {
    return whi_fail_field(WH_EINVALID, "url", "%s", what);
}

int whi_database_scheme_of(const char *text) {
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t size = strlen(schemes[i].word);

        if (whi_ascii_same_part(text, schemes[i].word, size) && (text[size] == ':' || text[size] == '\0')) {
            return schemes[i].scheme;
        }
    }
    return -1;
}

const char *whi_database_scheme_name(int scheme) {
    return schemes[scheme].word;
}

/* ------------------------------------------------------------------- options */

static int read_tls(whi_database_url *out, const char *value) {
    static const char *const modes[] = { "", "disable", "require", "verify-ca", "verify-full" };

    for (int i = WHI_TLS_NONE; i <= WHI_TLS_VERIFY_FULL; i++) {
        if (strcmp(value, modes[i]) == 0) {
            out->tls = i;
            return WH_OK;
        }
    }
    return fail("sslmode: expected \"disable\", \"require\", \"verify-ca\" or \"verify-full\"");
}

/* Known to clients, and refused: said by its name, which is no secret then. */
static int refuse_option(const char *name) {
    static const char *const known[] = { "service",     "servicefile", "passfile",     "sslkey",       "sslcert",
                                         "sslrootcert", "sslcrl",      "sslcrldir",    "sslpassword",  "host",
                                         "hostaddr",    "port",        "options",      "krbsrvname",   "gsslib",
                                         "socket",      "unix_socket", "local_infile", "init_command", "plugin_dir" };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (whi_ascii_same(name, known[i])) {
            return whi_fail_field(WH_EINVALID, "url", "the option \"%s\" is not allowed", known[i]);
        }
    }
    return fail("found an option that is not allowed: there are sslmode and application_name");
}

static int take_option(void *payload, const char *name, const char *value) {
    whi_database_url *out = payload;

    if (strcmp(name, "sslmode") == 0) {
        return read_tls(out, value);
    }
    if (strcmp(name, "application_name") != 0) {
        return refuse_option(name);
    }
    if (strlen(value) >= sizeof out->application) {
        return whi_fail_field(WH_EINVALID, "url", "the value of an option is longer than %zu bytes",
                              sizeof out->application - 1);
    }
    memcpy(out->application, value, strlen(value) + 1);
    return WH_OK;
}

/* ----------------------------------------------------------------------- all */

static int take_server(whi_database_url *out, const whi_server_url *server) {
    int code = whi_server_url_part(out->database, sizeof out->database, server->path, server->path_size, "database");

    memcpy(out->host, server->host, sizeof out->host);
    memcpy(out->user, server->user, sizeof out->user);
    memcpy(out->password, server->password, sizeof out->password);
    out->has_password = server->has_password;
    out->port = server->port != 0 ? server->port : ports[out->scheme];
    return code == WH_OK ? whi_server_url_options(server->query, take_option, out) : code;
}

static int read_server(whi_database_url *out, const char *rest) {
    whi_server_url server;
    int code = whi_server_url_read(&server, rest);

    if (code == WH_OK) {
        code = take_server(out, &server);
        whi_wipe(&server, sizeof server);
    }
    return code;
}

static int read_file(whi_database_url *out, const char *rest) {
    int code;

    if (strncmp(rest, "//", 2) == 0) {
        rest += 2;
    }
    if (*rest != '/') {
        return fail("expected an absolute path, as in \"sqlite:/var/lib/objects.db\"");
    }
    if (rest[strcspn(rest, "?#")] != '\0') {
        return fail("found an option, and a file has none; in a path \"?\" and \"#\" are written in hexadecimal");
    }
    code = whi_server_url_part(out->path, sizeof out->path, rest, strlen(rest), "path");
    return code;
}

static int parse(whi_database_url *out, const char *text) {
    const char *rest = strchr(text, ':');

    out->scheme = whi_database_scheme_of(text);
    if (out->scheme < 0 || rest == NULL) {
        return fail("expected \"postgresql://\", \"mysql://\" or \"sqlite:\"");
    }
    return out->scheme == WHI_DATABASE_SQLITE ? read_file(out, rest + 1) : read_server(out, rest + 1);
}

int whi_database_url_parse(whi_database_url *out, const char *text) {
    int code;

    memset(out, 0, sizeof *out);
    if (text == NULL || strnlen(text, WHI_DATABASE_URL_MAXIMUM + 1) > WHI_DATABASE_URL_MAXIMUM) {
        return fail(text == NULL ? "missing" : "longer than 4096 bytes");
    }
    code = parse(out, text);
    if (code != WH_OK) {
        whi_wipe(out, sizeof *out);
    }
    return code;
}
