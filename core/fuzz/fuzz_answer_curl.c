/* What we understand of an answer libcurl understands as well: given the same bytes, through a socket, it has
 * the same status and the same body wherever ours has read an answer to its end. It may understand more. */
#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pure/answer.h"

#define HEADS 4096
#define MOST 16384 /* bytes of an answer: a socket takes them at once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct text {
    char bytes[MOST];
    size_t size;
} text;

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void add(text *out, const char *bytes, size_t size) {
    must(size <= sizeof out->bytes - out->size);
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

/* ------------------------------------------------------------------------------ ours */

/* 1: an answer that has ended, and libcurl has no reason of its own to refuse it. Its other codings it takes only
 * where they were asked for. */
static int read_ours(whi_answer *answer, const uint8_t *data, size_t size, text *out) {
    whi_answer_bytes from = { (const char *)data, size }, body;
    int code;

    out->size = 0;
    whi_answer_begin(answer, HEADS);
    do {
        code = whi_answer_read(answer, &from, &body);
        add(out, body.text, body.size);
    } while (code == WHI_ANSWER_BODY);
    return (code == WHI_ANSWER_WHOLE || (code == WHI_ANSWER_MORE && whi_answer_ends(answer))) &&
           answer->codings == answer->chunked;
}

/* -------------------------------------------------------------------------- libcurl's */

/* A listener that no other process meets: a name in no folder, gone with the process. */
static int listen_here(char *name, size_t room) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), size;

    size = snprintf(name, room, "webhook-fuzz-%ld", (long)getpid());
    memcpy(address.sun_path + 1, name, (size_t)size);
    must(bind(listener, (struct sockaddr *)&address,
              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) == 0);
    must(listen(listener, 1) == 0);
    return listener;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *payload) {
    (void)one;
    add(payload, bytes, size);
    return size;
}

static void set(CURL *easy, const char *name, text *out) {
    curl_easy_setopt(easy, CURLOPT_URL, "http://127.0.0.1/");
    curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, name);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
}

static CURLcode turn_until_done(CURLM *multi) {
    CURLMsg *message;
    int running = 1, left;

    while (running > 0) {
        must(curl_multi_perform(multi, &running) == CURLM_OK);
        must(running == 0 || curl_multi_poll(multi, NULL, 0, 1000, NULL) == CURLM_OK);
    }
    message = curl_multi_info_read(multi, &left);
    must(message != NULL && message->msg == CURLMSG_DONE);
    return message->data.result;
}

/* libcurl's connect has ended when the first turn has: the other end is there to be filled. */
static CURLcode read_theirs(const uint8_t *data, size_t size, text *out, long *status) {
    static char name[64];
    static int listener = -1;
    CURLM *multi = curl_multi_init();
    CURL *easy = curl_easy_init();
    int running, end;
    CURLcode code;

    listener = listener < 0 ? listen_here(name, sizeof name) : listener;
    must(multi != NULL && easy != NULL);
    out->size = 0;
    set(easy, name, out);
    must(curl_multi_add_handle(multi, easy) == CURLM_OK && curl_multi_perform(multi, &running) == CURLM_OK);
    end = accept(listener, NULL, NULL);
    must(end >= 0 && write(end, data, size) == (ssize_t)size && shutdown(end, SHUT_WR) == 0);
    code = turn_until_done(multi);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    close(end);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static text ours, theirs;
    static whi_answer answer;
    long status = 0;

    if (size == 0 || size > MOST || !read_ours(&answer, data, size, &ours)) {
        return 0;
    }
    must(read_theirs(data, size, &theirs, &status) == CURLE_OK);
    must(status == answer.status);
    must(theirs.size == ours.size && memcmp(theirs.bytes, ours.bytes, ours.size) == 0);
    return 0;
}
