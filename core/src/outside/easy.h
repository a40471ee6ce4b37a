/* What holds for all requests that libcurl makes for us, of receivers and of sources. */
#ifndef WHI_EASY_H
#define WHI_EASY_H

#include <curl/curl.h>

/* http and https alone, and no proxy that the environment names. */
CURLcode whi_easy_confine(CURL *easy);

#endif
