/* Headers that somebody else wants on our requests: of a subscription, of a rule. */
#ifndef WHI_HEADER_H
#define WHI_HEADER_H

#define WHI_HEADER_BYTES 16384 /* all of one request's */
#define WHI_HEADER_NAME_MAXIMUM 128

/* "Name: value" for whi_free; with an empty value "Name;", which is how libcurl is told to
 * send it. Blanks around a value are dropped. WH_EINVALID, the sentence begins with
 * "headers": a name that is no token or is the engine's own or a system's, a value with anything but visible
 * ASCII, blanks and tabs. */
int whi_header_line(const char *name, const char *value, char **out);

/* 1 if a signature may stand in a header of this name: it is one, and does not say how the body is sent. */
int whi_header_may_sign(const char *name);

/* 1 if it is a type and a subtype, perhaps with parameters behind a semicolon (RFC 9110 8.3.1). */
int whi_header_is_media_type(const char *text);

/* 1 if the two lines have one name. */
int whi_header_same_name(const char *a, const char *b);

#endif
