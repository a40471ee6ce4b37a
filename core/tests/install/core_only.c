/* A program that uses the core without rules, linked to the shared library alone. */
#include <stdio.h>
#include <webhook.h>

int main(void) {
    char secret[WH_SECRET_SIZE];

    printf("%s\n", wh_version());
    return wh_secret(secret) == WH_OK ? 0 : 1;
}
