/* Tests: test_source_http. */
#include "outside/source_fetch.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "outside/certificate.h"
#include "outside/easy.h"
#include "outside/resolve.h"

#define IDLE_SLOTS 4      /* kept for the next request */
#define CONNECT_MS 10000L /* of a request's time */
#define POLL_MS 1000      /* how long a look at the sockets waits: libcurl has no timer in between */
#define HOST_SIZE 100

/* A handle with its connection, used by one thread at a time. */
typedef struct slot {
    struct slot *next;
    CURL *easy;
    CURLM *multi;
    whi_source_client *client;
    whi_source_request *request;
    int busy;
    int refused, too_large; /* 1: why it ended */
    size_t head;
    const char *reason;
    char message[CURL_ERROR_SIZE];
} slot;

struct whi_source_client {
    const whi_policy *policy;
    char *user_agent, *ca_file;
    pthread_mutex_t lock; /* of all below */
    slot *slots;
    whi_certificates *trust; /* NULL until the first https request, or where libcurl reads them itself */
    atomic_uint cuts;
};

/* -------------------------------------------------------------------------- policy */

static int allows(slot *self, const struct sockaddr *address) {
    int allowed = whi_policy_allows(self->client->policy, address, &self->reason);

    self->refused |= !allowed;
    return allowed;
}

static curl_socket_t on_socket(void *payload, curlsocktype purpose, struct curl_sockaddr *address) {
    if (purpose != CURLSOCKTYPE_IPCXN || !allows(payload, &address->addr)) {
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The address of a connection, new or kept, in libcurl's words. */
static int on_request(void *payload, char *primary, char *local, int port, int local_port) {
    whi_address address;
    char plain[INET6_ADDRSTRLEN];

    (void)local;
    (void)port;
    (void)local_port;
    memset(&address, 0, sizeof address);
    address.v4.sin_family = AF_INET;
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(primary, "%"), primary);
    if (inet_pton(AF_INET, plain, &address.v4.sin_addr) != 1) {
        address.v6.sin6_family = AF_INET6;
        if (inet_pton(AF_INET6, plain, &address.v6.sin6_addr) != 1) {
            return CURL_PREREQFUNC_ABORT;
        }
    }
    return allows(payload, &address.any) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* -------------------------------------------------------------------------- answer */

static void begin_answer(slot *self) {
    whi_source_request *request = self->request;

    whi_buf_clear(&request->link);
    request->etag[0] = request->retry_after[0] = request->remaining[0] = request->reset[0] = '\0';
}

static void take_value(char out[WHI_SOURCE_VALUE], const char *value, size_t size) {
    if (size < WHI_SOURCE_VALUE && out[0] == '\0') {
        memcpy(out, value, size);
        out[size] = '\0';
    }
}

/* The several names under which APIs tell how many requests are left, and until when. */
static void take_field(whi_source_request *request, const char *name, size_t name_size, const char *value,
                       size_t size) {
    const struct {
        const char *name;
        char *out;
    } fields[] = {
        { "etag", request->etag },
        { "retry-after", request->retry_after },
        { "x-ratelimit-remaining", request->remaining },
        { "x-rate-limit-remaining", request->remaining },
        { "ratelimit-remaining", request->remaining },
        { "x-ratelimit-reset", request->reset },
        { "x-rate-limit-reset", request->reset },
        { "ratelimit-reset", request->reset },
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strlen(fields[i].name) == name_size && whi_ascii_same_part(name, fields[i].name, name_size)) {
            take_value(fields[i].out, value, size);
        }
    }
    if (name_size == 4 && whi_ascii_same_part(name, "link", 4)) {
        whi_buf_text(&request->link, request->link.size > 0 ? ", " : "");
        whi_buf_add(&request->link, value, size);
    }
}

static void take_line(slot *self, const char *line, size_t size) {
    const char *colon = memchr(line, ':', size), *value;
    size_t left;

    if (colon == NULL) {
        return;
    }
    value = colon + 1;
    left = size - (size_t)(value - line);
    while (left > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        left--;
    }
    while (left > 0 && (unsigned char)value[left - 1] <= ' ') {
        left--;
    }
    if (memchr(value, '\0', left) == NULL) {
        take_field(self->request, line, (size_t)(colon - line), value, left);
    }
}

/* Each status line begins anew, so that what a 103 says is not the answer's. */
static size_t on_header(char *line, size_t one, size_t size, void *payload) {
    slot *self = payload;

    (void)one;
    self->head += size;
    if (self->head > WHI_SOURCE_HEAD) {
        self->too_large = 1;
        return 0;
    }
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) {
        begin_answer(self);
    } else {
        take_line(self, line, size);
    }
    return size;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *payload) {
    slot *self = payload;

    (void)one;
    whi_buf_add(&self->request->answer, bytes, size);
    self->too_large |= self->request->answer.failed == WH_ELIMIT;
    return self->request->answer.failed == 0 ? size : 0;
}

/* ------------------------------------------------------------------------- handles */

static CURLcode on_tls(CURL *easy, void *context, void *payload) {
    (void)easy;
    whi_certificates_attach(payload, context);
    return CURLE_OK;
}

static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    { CURLOPT_NOSIGNAL, 1 },
    { CURLOPT_FOLLOWLOCATION, 0 },
    { CURLOPT_HTTP09_ALLOWED, 0 },
    { CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
    { CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS },
    { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 }, /* RFC 8996: nothing older */
#if LIBCURL_VERSION_NUM >= 0x075700
    { CURLOPT_QUICK_EXIT, 1 },
#endif
};

static CURLcode set_up(slot *self) {
    CURL *easy = self->easy;
    CURLcode code = whi_easy_confine(easy);

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && code == CURLE_OK; i++) {
        code = curl_easy_setopt(easy, numbers[i].option, numbers[i].value);
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, self->message);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, self);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, self);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") : code;
}

/* A libcurl without TLS takes none of these, and refuses https by itself. */
static void set_trust(slot *self) {
    whi_source_client *client = self->client;

    if (client->trust != NULL) {
        curl_easy_setopt(self->easy, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(self->easy, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(self->easy, CURLOPT_SSL_CTX_DATA, client->trust);
        curl_easy_setopt(self->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    } else if (client->ca_file != NULL) {
        curl_easy_setopt(self->easy, CURLOPT_CAINFO, client->ca_file);
    }
}

static void free_slot(slot *self) {
    curl_easy_cleanup(self->easy);
    curl_multi_cleanup(self->multi);
    whi_free(self);
}

static int new_slot(whi_source_client *client, slot **out) {
    slot *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->client = client;
    self->easy = curl_easy_init();
    self->multi = curl_multi_init();
    if (self->easy == NULL || self->multi == NULL || set_up(self) != CURLE_OK) {
        free_slot(self);
        return whi_fail_memory();
    }
    *out = self;
    return WH_OK;
}

/* Under the lock. */
static int take_trust(whi_source_client *client, const char *url) {
    if (client->trust != NULL || !whi_ascii_same_part(url, "https:", 6) || !whi_certificates_usable()) {
        return WH_OK;
    }
    return whi_certificates_get(&client->trust, client->ca_file);
}

/* An idle handle, or another one. */
static int take_slot(whi_source_client *client, const char *url, slot **out) {
    slot *self;
    int code;

    pthread_mutex_lock(&client->lock);
    code = take_trust(client, url);
    for (self = client->slots; self != NULL && self->busy;) {
        self = self->next;
    }
    if (code == WH_OK && self == NULL) {
        code = new_slot(client, &self);
        if (code == WH_OK) {
            self->next = client->slots;
            client->slots = self;
        }
    }
    if (code == WH_OK) {
        self->busy = 1;
        set_trust(self);
        *out = self;
    }
    pthread_mutex_unlock(&client->lock);
    return code;
}

/* The connection of an answer that was cut off is of no use, and libcurl has closed it. */
static void give_slot_back(slot *self) {
    whi_source_client *client = self->client;
    slot **link = &client->slots;
    int idle = 0;

    pthread_mutex_lock(&client->lock);
    self->busy = 0;
    self->request = NULL;
    for (const slot *one = client->slots; one != NULL; one = one->next) {
        idle += !one->busy;
    }
    while (*link != self) {
        link = &(*link)->next;
    }
    if (idle > IDLE_SLOTS) {
        *link = self->next;
        free_slot(self);
    }
    pthread_mutex_unlock(&client->lock);
}

/* ------------------------------------------------------------------------- asking */

static CURLcode set_request(slot *self, const whi_source_request *request) {
    CURL *easy = self->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, request->url);

    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->lines);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, self->client->user_agent);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(request->timeout > 0 ? request->timeout : 1));
    if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_size > 0 ? request->body : "");
    } else {
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    return code;
}

/* The host of a URL, for sentences. */
static void host_of(const char *url, char out[HOST_SIZE]) {
    const char *host = strstr(url, "://");

    host = host != NULL ? host + 3 : url;
    snprintf(out, HOST_SIZE, "%.*s", (int)strcspn(host, "/?#"), host);
}

static int code_of(CURLcode result) {
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return WH_ERESOLVE;
    case CURLE_COULDNT_CONNECT:
        return WH_ECONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return WH_ETIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return WH_ETLS;
    case CURLE_OUT_OF_MEMORY:
        return WH_ENOMEM;
    default:
        return WH_EIO;
    }
}

/* libcurl's words may have the other side's in them. */
static int fail_result(slot *self, CURLcode result) {
    char host[HOST_SIZE], said[CURL_ERROR_SIZE];
    size_t size = 0;

    snprintf(said, sizeof said, "%s", self->message[0] != '\0' ? self->message : curl_easy_strerror(result));
    for (; said[size] != '\0'; size++) {
        said[size] = said[size] < ' ' || said[size] == 0x7f ? '?' : said[size];
    }
    host_of(self->request->url, host);
    return whi_fail(code_of(result), "%s: %s", host, said);
}

/* The end of the process cuts as well. */
static int is_cut(const slot *self) {
    return atomic_load(&self->client->cuts) != self->request->cuts || whi_halting();
}

static int judge(slot *self, CURLcode result) {
    whi_source_request *request = self->request;
    char host[HOST_SIZE];
    long status = 0;

    host_of(request->url, host);
    if (is_cut(self)) {
        return whi_fail(WH_ECLOSED, "the source was cut");
    }
    if (result != CURLE_OK && self->refused) {
        return whi_fail(WH_EADDRESS, "%s is refused: %s; allow it with the option \"allow\"", host,
                        self->reason != NULL ? self->reason : "not allowed");
    }
    if (self->too_large) {
        return whi_fail(WH_ELIMIT, "%s: the answer has more bytes than the limit of %zu", host,
                        self->head > WHI_SOURCE_HEAD ? (size_t)WHI_SOURCE_HEAD : request->maximum);
    }
    if (request->answer.failed == WH_ENOMEM || request->link.failed == WH_ENOMEM) {
        return whi_fail_memory();
    }
    if (result != CURLE_OK) {
        return fail_result(self, result);
    }
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    request->status = (int)status;
    return WH_OK;
}

/* Until it has ended, or was cut. */
static CURLcode run(slot *self) {
    CURLMsg *message;
    int running = 1, left;

    while (!is_cut(self) && curl_multi_perform(self->multi, &running) == CURLM_OK) {
        while ((message = curl_multi_info_read(self->multi, &left)) != NULL) {
            if (message->msg == CURLMSG_DONE) {
                return message->data.result;
            }
        }
        if (running == 0 || curl_multi_poll(self->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) {
            break;
        }
    }
    return CURLE_ABORTED_BY_CALLBACK;
}

static int ask(slot *self, whi_source_request *request) {
    CURLcode result;
    int code;

    self->request = request;
    self->refused = self->too_large = 0;
    self->head = 0;
    self->reason = NULL;
    self->message[0] = '\0';
    if (set_request(self, request) != CURLE_OK || curl_multi_add_handle(self->multi, self->easy) != CURLM_OK) {
        return whi_fail_memory();
    }
    result = run(self);
    code = judge(self, result);
    curl_multi_remove_handle(self->multi, self->easy);
    return code;
}

int whi_source_fetch(whi_source_client *client, whi_source_request *request) {
    slot *self = NULL;
    int code;

    request->status = 0;
    whi_buf_init(&request->answer, request->maximum);
    whi_buf_init(&request->link, WHI_SOURCE_HEAD);
    request->etag[0] = request->retry_after[0] = request->remaining[0] = request->reset[0] = '\0';
    code = take_slot(client, request->url, &self);
    if (code == WH_OK) {
        code = ask(self, request);
        give_slot_back(self);
    }
    return code;
}

void whi_source_answer_free(whi_source_request *request) {
    if (request->answer.capacity > 0) {
        whi_wipe(request->answer.data, request->answer.capacity); /* it may be a token's */
    }
    whi_buf_free(&request->answer);
    whi_buf_free(&request->link);
}

/* -------------------------------------------------------------------------- client */

int whi_source_client_new(whi_source_client **out, const whi_policy *policy, const char *user_agent,
                          const char *ca_file) {
    whi_source_client *client = whi_calloc(1, sizeof *client);

    *out = NULL;
    if (client == NULL) {
        return whi_fail_memory();
    }
    client->policy = policy;
    client->user_agent = user_agent != NULL && user_agent[0] != '\0' ? whi_strdup(user_agent, WH_ZSTR) : NULL;
    client->ca_file = ca_file != NULL ? whi_strdup(ca_file, WH_ZSTR) : NULL;
    if ((user_agent != NULL && user_agent[0] != '\0' && client->user_agent == NULL) ||
        (ca_file != NULL && client->ca_file == NULL) || pthread_mutex_init(&client->lock, NULL) != 0) {
        whi_free(client->user_agent);
        whi_free(client->ca_file);
        whi_free(client);
        return whi_fail_memory();
    }
    atomic_init(&client->cuts, 0);
    *out = client;
    return WH_OK;
}

void whi_source_client_free(whi_source_client *client) {
    if (client == NULL) {
        return;
    }
    while (client->slots != NULL) {
        slot *one = client->slots;
        client->slots = one->next;
        free_slot(one);
    }
    whi_certificates_put(client->trust);
    pthread_mutex_destroy(&client->lock);
    whi_free(client->user_agent);
    whi_free(client->ca_file);
    whi_free(client);
}

/* A wake-up before the poll is remembered by libcurl, so none is lost. */
void whi_source_client_cut(whi_source_client *client) {
    atomic_fetch_add(&client->cuts, 1);
    pthread_mutex_lock(&client->lock);
    for (const slot *one = client->slots; one != NULL; one = one->next) {
        (void)curl_multi_wakeup(one->multi);
    }
    pthread_mutex_unlock(&client->lock);
}

unsigned whi_source_client_cuts(whi_source_client *client) {
    return atomic_load(&client->cuts);
}
