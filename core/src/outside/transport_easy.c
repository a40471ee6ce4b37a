/* Tests: test_transport_faults. */
#include "outside/transport_curl.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/certificate.h"
#include "outside/easy.h"
#include "outside/scarce.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ----------------------------------------------------------------------- policy */

/* The address of a connection in libcurl's words; 0 if it is none. */
static int read_address(const char *text, whi_address *out) {
    char plain[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof *out);
    out->v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        return 1;
    }
    out->v6.sin6_family = AF_INET6;
    snprintf(plain, sizeof plain, "%.*s", (int)strcspn(text, "%"), text);
    return inet_pton(AF_INET6, plain, &out->v6.sin6_addr) == 1;
}

/* Before the request goes out, on a new connection and on a kept one. */
static int on_request(void *payload, char *primary, char *local, int port, int local_port) {
    whi_transfer *transfer = payload;
    whi_address address;

    (void)local;
    (void)port;
    (void)local_port;
    transfer->connected = 1;
    if (!read_address(primary, &address)) {
        snprintf(transfer->refused, sizeof transfer->refused, "the connection has no address");
    } else if (whi_transfer_allows(transfer, &address.any)) {
        return CURL_PREREQFUNC_OK;
    }
    transfer->ending = WHI_REFUSED;
    return CURL_PREREQFUNC_ABORT;
}

/* ---------------------------------------------------------------------- answers */

static void note_retry_after(whi_request *request, const char *value, size_t size) {
    while (size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && (unsigned char)value[size - 1] <= ' ') {
        size--;
    }
    size = size < sizeof request->retry_after ? size : 0;
    memcpy(request->retry_after, value, size);
    request->retry_after[size] = '\0';
}

/* What does not fit is left out. */
static void keep_header(whi_buf *out, const char *line, size_t size) {
    if (out != NULL && out->size + size <= out->maximum) {
        whi_buf_add(out, line, size);
    }
}

/* Each status line begins anew, so that what a 103 says is not the answer's. */
static size_t on_header(char *line, size_t one, size_t size, void *payload) {
    static const char name[] = "retry-after:";
    whi_transfer *transfer = payload;

    (void)one;
    transfer->header_bytes += size;
    if (transfer->header_bytes > (size_t)transfer->transport->limits.response_header_bytes) {
        transfer->ending = WHI_HEADERS_TOO_MUCH;
        return 0;
    }
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) {
        transfer->request->retry_after[0] = '\0';
        if (transfer->request->headers != NULL) {
            whi_buf_clear(transfer->request->headers);
        }
        transfer->headed = 0;
    } else if (line[0] == '\r' || line[0] == '\n') {
        transfer->headed = 1;
    } else {
        keep_header(transfer->headed ? NULL : transfer->request->headers, line, size); /* no trailers */
    }
    if (size > sizeof name - 1 && (line[0] | 32) == 'r' && whi_ascii_same_part(line, name, sizeof name - 1)) {
        note_retry_after(transfer->request, line + sizeof name - 1, size - (sizeof name - 1));
    }
    return size;
}

/* Without memory nothing is kept, which is no reason to send the event again. */
static void keep(whi_transfer *transfer, const char *bytes, size_t size) {
    size_t room = (size_t)transfer->transport->limits.response_kept_bytes;

    if (transfer->kept == NULL) {
        transfer->kept = whi_alloc(room);
    }
    if (transfer->kept == NULL) {
        return;
    }
    size = size < room - transfer->kept_size ? size : room - transfer->kept_size;
    memcpy(transfer->kept + transfer->kept_size, bytes, size);
    transfer->kept_size += size;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *payload) {
    whi_transfer *transfer = payload;

    (void)one;
    keep(transfer, bytes, size);
    transfer->body_bytes += size;
    if (transfer->body_bytes > (size_t)transfer->transport->limits.response_read_bytes) {
        transfer->ending = WHI_BODY_ENOUGH;
        return 0;
    }
    return size;
}

/* ---------------------------------------------------------------------- options */

static void on_asked(void *payload) {
    ((whi_target *)payload)->asks = 1;
}

static void on_released(void *payload) {
    whi_target_unref(payload);
}

static CURLcode on_tls(CURL *easy, void *context, void *payload) {
    whi_transport *transport = payload;
    whi_transfer *transfer = NULL;
    whi_asking asking = { on_asked, on_released, NULL };

    if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) == CURLE_OK && transfer != NULL) {
        asking.payload = transfer->target;
        transfer->target->refs++;
        transfer->target->asks = 0;
        whi_certificates_listen(context, &asking);
    }
    if (transport->trust != NULL && (transfer == NULL || !transfer->own_trust)) {
        whi_certificates_attach(transport->trust, context);
    }
    return CURLE_OK;
}

static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    { CURLOPT_NOSIGNAL, 1 },
    { CURLOPT_FOLLOWLOCATION, 0 },
    { CURLOPT_POST, 1 },
    { CURLOPT_HTTP09_ALLOWED, 0 },
    { CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
    { CURLOPT_DNS_CACHE_TIMEOUT, 0 },
    { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 }, /* RFC 8996: nothing older */
#if LIBCURL_VERSION_NUM >= 0x075700
    { CURLOPT_QUICK_EXIT, 1 },
#endif
};

static CURLcode set_numbers(whi_transfer *transfer) {
    CURLcode code = CURLE_OK;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && code == CURLE_OK; i++) {
        code = curl_easy_setopt(transfer->easy, numbers[i].option, numbers[i].value);
    }
    if (code == CURLE_OK) {
        code = curl_easy_setopt(transfer->easy, CURLOPT_MAXAGE_CONN,
                                (long)((transfer->transport->kept_us + 999999) / 1000000));
    }
    return code;
}

static CURLcode set_callbacks(whi_transfer *transfer) {
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->message);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->lines);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, whi_socket_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, whi_socket_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->transport);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
}

static CURLcode set_texts(whi_transfer *transfer) {
    const char *agent = transfer->transport->user_agent;
    CURLcode code = whi_easy_confine(transfer->easy);

    if (code == CURLE_OK && agent != NULL && agent[0] != '\0') {
        code = curl_easy_setopt(transfer->easy, CURLOPT_USERAGENT, agent);
    }
    return code;
}

/* No CAPATH ever: with one, libcurl reads the bundle for each connection (20 ms). */
static CURLcode set_tls(whi_transfer *transfer) {
    const whi_transport *transport = transfer->transport;
    CURL *easy = transfer->easy;
    long verify = transfer->kind & WHI_KIND_INSECURE ? 0 : 1;

    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
    curl_easy_setopt(easy, CURLOPT_SHARE, transport->share);
    if (!transport->trust_by_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transport);
        return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    }
    return transport->ca_file != NULL ? curl_easy_setopt(easy, CURLOPT_CAINFO, transport->ca_file) : CURLE_OK;
}

static CURLcode set_version(whi_transfer *transfer) {
    int two = transfer->kind & WHI_KIND_HTTP2;

    curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT, two ? 1L : 0L);
    curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_ONLY, transfer->kind & WHI_KIND_CONNECT ? 1L : 0L);
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION,
                            two ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
}

static int set_all(whi_transfer *transfer) {
    CURLcode code = set_numbers(transfer);

    code = code == CURLE_OK ? set_callbacks(transfer) : code;
    code = code == CURLE_OK ? set_texts(transfer) : code;
    code = code == CURLE_OK ? set_version(transfer) : code;
    /* A libcurl without TLS takes none of these, and refuses https by itself. */
    if (code == CURLE_OK && curl_version_info(CURLVERSION_NOW)->ssl_version != NULL) {
        code = set_tls(transfer);
    }
    if (code == CURLE_OK) {
        return WH_OK;
    }
    return code == CURLE_OUT_OF_MEMORY
               ? whi_fail_memory()
               : whi_fail(WH_EINTERNAL, "libcurl lacks an option: %s", curl_easy_strerror(code));
}

int whi_transfer_new(whi_transfer **out, whi_transport *transport, unsigned kind) {
    whi_transfer *transfer = whi_calloc(1, sizeof *transfer);
    int code;

    if (transfer == NULL) {
        return whi_fail_memory();
    }
    transfer->timer.kind = WHI_TIMER_TRANSFER;
    transfer->transport = transport;
    transfer->kind = kind;
    transfer->easy = curl_easy_init();
    code = transfer->easy != NULL ? set_all(transfer) : whi_fail_memory();
    if (code != WH_OK) {
        whi_transfer_free(transfer);
        return code;
    }
    *out = transfer;
    return WH_OK;
}

void whi_transfer_free(whi_transfer *transfer) {
    curl_easy_cleanup(transfer->easy);
    whi_target_unref(transfer->target);
    whi_free(transfer->kept);
    whi_free(transfer);
}

/* ------------------------------------------------------------------ one request */

static char expect[] = "Expect:";             /* no waiting for a 100 */
static char content_type[] = "Content-Type:"; /* none, where libcurl would claim a form */

static void set_lines(whi_transfer *transfer) {
    const whi_request *request = transfer->request;
    struct curl_slist *node = transfer->lines;
    int typed = 0;

    node->data = expect;
    for (size_t i = 0; i < request->line_count; i++) {
        const char *line = request->lines[i];
        node->next = node + 1;
        node++;
        node->data = (char *)line; /* libcurl only reads it */
        typed |= (line[0] | 32) == 'c' && whi_ascii_same_part(line, content_type, sizeof content_type - 1);
    }
    if (!typed) {
        node->next = node + 1;
        node++;
        node->data = content_type;
    }
    node->next = NULL;
}

static int set_target(whi_transfer *transfer) {
    whi_target *target = transfer->route->target;

    if (transfer->target == target) {
        return WH_OK;
    }
    if (curl_easy_setopt(transfer->easy, CURLOPT_URL, target->text) != CURLE_OK) {
        return whi_fail_memory();
    }
    whi_target_unref(transfer->target);
    target->refs++;
    transfer->target = target;
    return WH_OK;
}

/* What waiting for an address took is part of the timeouts. */
static void set_timeouts(whi_transfer *transfer, int64_t now) {
    long whole = (long)((transfer->deadline - now) / 1000);
    long connect = (long)((transfer->connect_by - now) / 1000);

    whole = whole < 1 ? 1 : whole;
    connect = connect < 1 ? 1 : connect;
    if (whole != transfer->timeout_set) {
        curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, whole);
        transfer->timeout_set = whole;
    }
    if (connect != transfer->connect_set) {
        curl_easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, connect);
        transfer->connect_set = connect;
    }
}

/* Gives libcurl the addresses if it lacks them, and takes back those of hosts that
 * this shard has done with. libcurl walks its cache after each request unless the
 * timeout is -1; for a literal address 0 keeps the cache empty. */
static void set_addresses(whi_transfer *transfer) {
    whi_shard *shard = transfer->route->shard;
    whi_pin *pin = transfer->route->pin;
    struct curl_slist *list = pin != NULL && !pin->loaded ? &pin->node : NULL;
    long cache = pin != NULL ? -1 : 0;

    if (cache != transfer->cache_set) {
        curl_easy_setopt(transfer->easy, CURLOPT_DNS_CACHE_TIMEOUT, cache);
        transfer->cache_set = cache;
    }
    if (pin != NULL) {
        pin->refs++;
        transfer->pin = pin;
    }
    if (shard->drops != NULL) {
        struct curl_slist *last = transfer->drops = shard->drops;
        shard->drops = NULL;
        while (last->next != NULL) {
            last = last->next;
        }
        last->next = list;
        list = transfer->drops;
    }
    if (list != NULL) {
        curl_easy_setopt(transfer->easy, CURLOPT_RESOLVE, list);
        transfer->resolve_set = 1;
        if (pin != NULL) {
            pin->told = 1;
            transfer->pin_text = pin->texts;
        }
    }
}

static CURLcode set_blob(CURL *easy, CURLoption option, char *text) {
    struct curl_blob blob = { text, strlen(text), CURL_BLOB_COPY };

    return curl_easy_setopt(easy, option, &blob);
}

static CURLcode set_certificates(whi_transfer *transfer, const whi_peer *peer) {
    CURL *easy = transfer->easy;
    CURLcode code = CURLE_OK;

    transfer->own_trust = peer->authorities != NULL;
    if (peer->certificate != NULL) {
        code = set_blob(easy, CURLOPT_SSLCERT_BLOB, peer->certificate);
        code = code == CURLE_OK ? set_blob(easy, CURLOPT_SSLKEY_BLOB, peer->key) : code;
    }
    if (code == CURLE_OK && peer->authorities != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, NULL); /* else libcurl would trust both */
        code = set_blob(easy, CURLOPT_CAINFO_BLOB, peer->authorities);
    }
    return code == CURLE_OK && peer->pins != NULL ? curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, peer->pins) : code;
}

/* Names are the proxy's to resolve (socks5h), since libcurl resolves none here. Nobody is passed by (NOPROXY), and what
 * the proxy says of the tunnel is not the receiver's answer. */
static CURLcode set_proxy(whi_transfer *transfer, const whi_peer *peer) {
    CURL *easy = transfer->easy;
    int socks = strncmp(peer->proxy, "socks5", 6) == 0;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROXY, peer->proxy);

    if (socks) {
        curl_easy_setopt(easy, CURLOPT_PROXYTYPE, (long)CURLPROXY_SOCKS5_HOSTNAME);
        code = curl_easy_setopt(easy, CURLOPT_PROXY, strstr(peer->proxy, "://") + 3);
    }
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (code == CURLE_OK && transfer->transport->ca_file != NULL && transfer->transport->trust_by_file) {
        code = curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, transfer->transport->ca_file);
    }
    if (code == CURLE_OK && peer->proxy_user != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, peer->proxy_user);
        code = code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD,
                                                   peer->proxy_password != NULL ? peer->proxy_password : "")
                                : code;
    }
    return code;
}

/* libcurl has copies, which go with the handle: it is never pooled. Sessions would be resumed by whoever comes next. */
static int set_peer(whi_transfer *transfer, const whi_peer *peer) {
    CURLcode code = CURLE_OK;

    if (peer == NULL) {
        return WH_OK;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_SHARE, NULL);
    curl_easy_setopt(transfer->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    code = set_certificates(transfer, peer);
    code = code == CURLE_OK && peer->proxy != NULL ? set_proxy(transfer, peer) : code;
    if (code == CURLE_OK) {
        return WH_OK;
    }
    return code == CURLE_OUT_OF_MEMORY
               ? whi_fail_memory()
               : whi_fail(WH_EINTERNAL, "libcurl lacks an option: %s", curl_easy_strerror(code));
}

int whi_transfer_prepare(whi_transfer *transfer, int64_t now) {
    const whi_request *request = transfer->request;
    int code = set_target(transfer);

    code = code == WH_OK ? set_peer(transfer, request->peer) : code;
    if (code != WH_OK) {
        return code;
    }
    transfer->connected = transfer->opened = transfer->headed = 0;
    transfer->ending = WHI_GOES_ON;
    transfer->scarce = WH_OK;
    transfer->header_bytes = transfer->body_bytes = transfer->kept_size = 0;
    transfer->refused[0] = transfer->message[0] = '\0';
    set_lines(transfer);
    set_timeouts(transfer, now);
    set_addresses(transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
    return WH_OK;
}

void whi_transfer_reset(whi_transfer *transfer) {
    whi_pin *pin = transfer->pin;

    if (transfer->resolve_set) {
        curl_easy_setopt(transfer->easy, CURLOPT_RESOLVE, NULL);
        transfer->resolve_set = 0;
    }
    while (transfer->drops != NULL && (pin == NULL || transfer->drops != &pin->node)) {
        struct curl_slist *next = transfer->drops->next;
        whi_free(transfer->drops->data);
        whi_free(transfer->drops);
        transfer->drops = next;
    }
    transfer->drops = NULL;
    whi_pin_unref(pin);
    transfer->pin = NULL;
}

/* --------------------------------------------------------------------- verdicts */

static int code_of(CURLcode result) {
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return WH_ERESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return WH_ECONNECT;
    case CURLE_OPERATION_TIMEDOUT:
        return WH_ETIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        return WH_ETLS;
    default:
        return WH_EIO;
    }
}

/* Some of it may be the receiver's words. */
void whi_request_say(whi_request *request, const char *text) {
    size_t size = 0;

    for (; text[size] != '\0' && size < sizeof request->message - 1; size++) {
        unsigned char byte = (unsigned char)text[size];
        request->message[size] = byte < 0x20 || byte >= 0x7f ? '?' : (char)byte;
    }
    request->message[size] = '\0';
}

void whi_transfer_fail(whi_transfer *transfer, int code, const char *message) {
    whi_request *request = transfer->request;

    request->error = code;
    request->status = 0;
    request->response = NULL;
    request->response_size = 0;
    request->retry_after[0] = '\0';
    whi_request_say(request, message);
}

static void say_timeout(whi_transfer *transfer) {
    whi_request *request = transfer->request;
    int connecting = !transfer->connected && transfer->connect_by <= transfer->deadline;

    snprintf(request->message, sizeof request->message, "%s within %lld ms (%s)",
             connecting ? "no connection" : "no complete answer",
             (long long)(connecting ? request->connect_timeout : request->timeout),
             connecting ? "connect timeout" : "timeout");
}

/* The code of what was lacking here, if it was that. A request that was on its way may have
 * arrived, so it counts whatever failed then. */
static int scarce(whi_transfer *transfer, CURLcode result) {
    long number = 0;

    if (transfer->connected || transfer->ending == WHI_REFUSED) {
        return WH_OK;
    }
    if (transfer->scarce != WH_OK || transfer->ending == WHI_NO_ROOM) {
        return transfer->scarce != WH_OK ? transfer->scarce : WH_ERESOURCE;
    }
    if (result == CURLE_OUT_OF_MEMORY) {
        return WH_ENOMEM;
    }
    if (result == CURLE_SSL_CACERT_BADFILE) {
        return whi_scarce_descriptors() ? WH_ERESOURCE : WH_OK;
    }
    if (result != CURLE_COULDNT_CONNECT || curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &number) != CURLE_OK) {
        return WH_OK;
    }
    if (number == EADDRNOTAVAIL && transfer->opened > 0) {
        return whi_scarce_ports(&transfer->peer.any) ? WH_ERESOURCE : WH_OK;
    }
    return whi_scarce_errno((int)number) ? WH_ERESOURCE : WH_OK;
}

/* Who shows no certificate is sent away by an alert or by a reset, whichever comes first. */
static int was_for_a_certificate(const whi_transfer *transfer, CURLcode result) {
    switch (result) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
        return transfer->target != NULL && transfer->target->asks;
    default:
        return 0;
    }
}

static void say_certificate(whi_transfer *transfer, CURLcode result) {
    const char *text = transfer->message[0] != '\0' ? transfer->message : curl_easy_strerror(result);
    char sentence[sizeof transfer->request->message];

    snprintf(sentence, sizeof sentence,
             "the receiver asked for a client certificate, and there is none to show (%.100s)", text);
    transfer->request->error = WH_ETLS;
    whi_request_say(transfer->request, sentence);
}

static void judge_failure(whi_transfer *transfer, CURLcode result) {
    whi_request *request = transfer->request;
    int lacking = scarce(transfer, result);

    request->error = lacking != WH_OK ? lacking : code_of(result);
    if (transfer->ending == WHI_HEADERS_TOO_MUCH) {
        snprintf(request->message, sizeof request->message, "the answer's headers are longer than %lld bytes",
                 (long long)transfer->transport->limits.response_header_bytes);
    } else if (lacking == WH_ERESOURCE && transfer->refused[0] != '\0') {
        whi_request_say(request, transfer->refused);
    } else if (transfer->refused[0] != '\0' && (transfer->ending == WHI_REFUSED || transfer->opened == 0)) {
        request->error = WH_EADDRESS;
        whi_request_say(request, transfer->refused);
    } else if (result == CURLE_OK) {
        whi_request_say(request, "the answer's head was cut");
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        say_timeout(transfer);
    } else if (lacking == WH_OK && was_for_a_certificate(transfer, result)) {
        say_certificate(transfer, result);
    } else if (lacking == WH_ENOMEM || result == CURLE_OUT_OF_MEMORY) {
        whi_request_say(request, "out of memory");
    } else {
        whi_request_say(request, transfer->message[0] != '\0' ? transfer->message : curl_easy_strerror(result));
    }
}

void whi_transfer_blame(whi_transfer *transfer, whi_request *request, CURLcode result) {
    transfer->request = request;
    judge_failure(transfer, result);
    transfer->request = NULL;
}

/* The head is the answer: what a receiver has said there it has said, whatever becomes of the body, and not
 * before its last line, which libcurl does not ask for. The connection goes with a body that failed. */
static int is_answered(const whi_transfer *transfer, CURLcode result) {
    return transfer->headed && (result == CURLE_OK || transfer->request->status != 0);
}

/* libcurl has the text that it was given once it has connected. */
static void note_addresses(whi_transfer *transfer) {
    if (transfer->pin != NULL && transfer->resolve_set && transfer->connected) {
        transfer->pin->loaded = transfer->pin_text == transfer->pin->texts;
    }
}

static void judge_connecting(whi_transfer *transfer, CURLcode result) {
    whi_request *request = transfer->request;

    request->error = WH_OK;
    request->message[0] = '\0';
    if (result != CURLE_OK) {
        judge_failure(transfer, result);
    } else {
        transfer->connected = 1;
    }
    note_addresses(transfer);
}

void whi_transfer_judge(whi_transfer *transfer, CURLcode result) {
    whi_request *request = transfer->request;
    long status = 0;

    if (transfer->kind & WHI_KIND_CONNECT) {
        judge_connecting(transfer, result);
        return;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    request->status = status >= 200 ? (int)status : 0;
    request->response = transfer->kept_size ? transfer->kept : NULL;
    request->response_size = transfer->kept_size;
    request->error = WH_OK;
    request->message[0] = '\0';
    if (is_answered(transfer, result)) {
        if (request->status == 0) {
            request->error = WH_EIO;
            snprintf(request->message, sizeof request->message, "answered %ld, which ends nothing", status);
        }
    } else {
        request->status = 0;
        judge_failure(transfer, result);
    }
    note_addresses(transfer);
}
