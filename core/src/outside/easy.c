/* Tests: test_transport, test_source_http. */
#include "outside/easy.h"

#if LIBCURL_VERSION_NUM >= 0x075500
static CURLcode set_protocols(CURL *easy) {
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
}
#else
static CURLcode set_protocols(CURL *easy) {
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
}
#endif

CURLcode whi_easy_confine(CURL *easy) {
    CURLcode code = set_protocols(easy);

    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_PROXY, "") : code;
}
