#include "pure/answer.h"

#include <string.h>

#include "base/ascii.h"
#include "base/hex.h"

#define GOES_ON 100   /* a step's result beside those of enum whi_answer_code: the next step may follow */
#define TOO_LONG (-1) /* of a number */
#define LENGTH_MAXIMUM INT64_MAX
#define SIZE_DIGITS 15 /* of a chunk's size in hexadecimal: below 2^60 */

enum step {
    STATUS,
    REASON,
    LINE_BEGIN,
    NAME,
    BLANK, /* between the colon and the value */
    VALUE,
    LINE_END, /* the line feed of a line */
    HEAD_END, /* the line feed of the empty line */
    CHUNK_SIZE,
    CHUNK_BLANK,
    CHUNK_EXTENSION,
    CHUNK_LINE_END,
    CHUNK_RETURN, /* the line end behind a chunk's bytes */
    CHUNK_FEED,
    CHUNK_BODY,
    LENGTH_BODY,
    BODY_TO_END,
    ENDED,
    STEPS
};

enum field { OTHER, CONNECTION, CONTENT_LENGTH, KEEP_ALIVE, RETRY_AFTER, TRANSFER_ENCODING, FIELDS };

static const char *const names[FIELDS] = { "",           "connection",  "content-length",
                                           "keep-alive", "retry-after", "transfer-encoding" };

/* Where a step reads: it moves `at`. */
typedef struct reader {
    const char *at, *end;
} reader;

static int is_token(char letter) {
    return whi_ascii_is_letter(letter) || whi_ascii_is_digit(letter) ||
           (letter != '\0' && strchr("!#$%&'*+-.^_`|~", letter) != NULL);
}

/* RFC 9110 5.5: anything but control characters, tabs apart. */
static int is_text(char letter) {
    return (unsigned char)letter >= ' ' ? letter != 0x7f : letter == '\t';
}

static int is_blank(char letter) {
    return letter == ' ' || letter == '\t';
}

/* ----------------------------------------------------------------- words of a value */

static whi_answer_bytes trim(const char *text, size_t size) {
    while (size > 0 && is_blank(*text)) {
        text++;
        size--;
    }
    while (size > 0 && is_blank(text[size - 1])) {
        size--;
    }
    return (whi_answer_bytes){ text, size };
}

static int is_word(const whi_answer_bytes *bytes, const char *word) {
    return bytes->size == strlen(word) && whi_ascii_same_part(bytes->text, word, bytes->size);
}

/* The next of the words between commas, empty ones too; 0 at the end. */
static int next_word(whi_answer_bytes *list, whi_answer_bytes *word) {
    const char *comma;
    size_t size;

    if (list->text == NULL) {
        return 0;
    }
    comma = memchr(list->text, ',', list->size);
    size = comma != NULL ? (size_t)(comma - list->text) : list->size;
    *word = trim(list->text, size);
    list->text = comma != NULL ? comma + 1 : NULL;
    list->size -= comma != NULL ? size + 1 : size;
    return 1;
}

/* Decimal digits and nothing else; TOO_LONG for what is none, or more than fits. */
static int64_t read_number(const whi_answer_bytes *digits) {
    int64_t number = 0;

    for (size_t i = 0; i < digits->size; i++) {
        int digit = digits->text[i] - '0';
        if (!whi_ascii_is_digit(digits->text[i]) || number > (LENGTH_MAXIMUM - digit) / 10) {
            return TOO_LONG;
        }
        number = number * 10 + digit;
    }
    return digits->size > 0 ? number : TOO_LONG;
}

static int see_connection(whi_answer *answer, whi_answer_bytes list) {
    whi_answer_bytes word;

    while (next_word(&list, &word)) {
        answer->closes |= is_word(&word, "close");
        answer->stays |= is_word(&word, "keep-alive");
    }
    return GOES_ON;
}

/* 'name = "12"', whose quotes and blanks may be missing; TOO_LONG if it is another one. */
static int64_t read_parameter(const whi_answer_bytes *word, const char *name) {
    const char *sign = memchr(word->text, '=', word->size);
    whi_answer_bytes part;

    if (sign == NULL) {
        return TOO_LONG;
    }
    part = trim(word->text, (size_t)(sign - word->text));
    if (!is_word(&part, name)) {
        return TOO_LONG;
    }
    part = trim(sign + 1, (size_t)(word->text + word->size - sign - 1));
    if (part.size > 1 && part.text[0] == '"' && part.text[part.size - 1] == '"') {
        part = (whi_answer_bytes){ part.text + 1, part.size - 2 };
    }
    return read_number(&part);
}

/* A hint: what cannot be understood says nothing. Of several the shortest time counts. */
static int see_keep_alive(whi_answer *answer, whi_answer_bytes list) {
    whi_answer_bytes word;

    while (next_word(&list, &word)) {
        int64_t seconds = read_parameter(&word, "timeout");
        if (seconds >= 0 && (answer->keep_seconds < 0 || seconds < answer->keep_seconds)) {
            answer->keep_seconds = seconds;
        }
        answer->closes |= read_parameter(&word, "max") == 0;
    }
    return GOES_ON;
}

static int see_length(whi_answer *answer, const whi_answer_bytes *value) {
    int64_t length = read_number(value);

    if (length == TOO_LONG || (answer->lengths > 0 && length != answer->length)) {
        return WHI_ANSWER_BAD;
    }
    answer->lengths++;
    answer->length = length;
    return GOES_ON;
}

static int see_codings(whi_answer *answer, whi_answer_bytes list) {
    whi_answer_bytes word;

    while (next_word(&list, &word)) {
        int chunked = is_word(&word, "chunked");
        if (word.size == 0 || (chunked && answer->chunked)) {
            return WHI_ANSWER_BAD;
        }
        answer->codings++;
        answer->chunked = chunked;
    }
    return GOES_ON;
}

static void note_retry_after(whi_answer *answer, const whi_answer_bytes *value) {
    size_t size = value->size < sizeof answer->retry_after ? value->size : 0;

    memcpy(answer->retry_after, value->text, size);
    answer->retry_after[size] = '\0';
}

/* A field whose value is too long to be looked at: one that frames the message must not be guessed at. */
static int see_long(whi_answer *answer) {
    answer->retry_after[0] = answer->field == RETRY_AFTER ? '\0' : answer->retry_after[0];
    return answer->field == RETRY_AFTER || answer->field == KEEP_ALIVE ? GOES_ON : WHI_ANSWER_BAD;
}

/* A line of the head was read. Trailers mean nothing. */
static int see_field(whi_answer *answer) {
    whi_answer_bytes value = trim(answer->value, answer->value_size);

    if (answer->trails || answer->field == OTHER) {
        return GOES_ON;
    }
    if (answer->value_size == sizeof answer->value) {
        return see_long(answer);
    }
    switch (answer->field) {
    case CONNECTION:
        return see_connection(answer, value);
    case CONTENT_LENGTH:
        return see_length(answer, &value);
    case KEEP_ALIVE:
        return see_keep_alive(answer, value);
    case TRANSFER_ENCODING:
        return see_codings(answer, value);
    default:
        note_retry_after(answer, &value);
        return GOES_ON;
    }
}

/* ------------------------------------------------------------------------- the head */

/* A line feed alone ends a line of a head as well (RFC 9112 2.2), and its connection is not trusted any further. */
static int end_line(whi_answer *answer, char letter) {
    answer->step = letter == '\r' ? LINE_END : LINE_BEGIN;
    answer->bare |= letter == '\n';
    return letter == '\r' || (letter == '\n' && !answer->trails) ? GOES_ON : WHI_ANSWER_BAD;
}

/* "HTTP/1.1 200 ", a byte at a time; many leave out the last blank together with the reason. */
static int read_status(whi_answer *answer, reader *from) {
    static const char pattern[] = "HTTP/1.m sdd ";
    char letter = *from->at++, wanted = pattern[answer->seen++];

    if (answer->seen == sizeof pattern - 1 && letter != wanted) {
        return end_line(answer, letter);
    }
    switch (wanted) {
    case 'm':
        answer->minor = letter == '1';
        wanted = letter == '0' || letter == '1' ? letter : '\0';
        break;
    case 's':
    case 'd':
        answer->status = answer->status * 10 + (letter - '0');
        wanted = letter >= (wanted == 's' ? '1' : '0') && letter <= '9' ? letter : '\0';
        break;
    default:
        break;
    }
    if (letter != wanted || letter == '\0') {
        return WHI_ANSWER_BAD;
    }
    answer->step = answer->seen == sizeof pattern - 1 ? REASON : STATUS;
    return GOES_ON;
}

static void pass_text(reader *from) {
    while (from->at < from->end && is_text(*from->at)) {
        from->at++;
    }
}

/* Up to the line's end; its first byte is used, too. */
static int pass_line(whi_answer *answer, reader *from) {
    pass_text(from);
    return from->at < from->end ? end_line(answer, *from->at++) : GOES_ON;
}

static int read_line_begin(whi_answer *answer, reader *from) {
    answer->name_size = answer->value_size = 0;
    answer->bare |= *from->at == '\n' && !answer->trails;
    answer->step = *from->at == '\r' || (*from->at == '\n' && !answer->trails) ? HEAD_END : NAME;
    from->at += *from->at == '\r';
    return GOES_ON;
}

static int field_of(const whi_answer *answer) {
    whi_answer_bytes name = { answer->name, answer->name_size };

    for (int i = OTHER + 1; i < FIELDS; i++) {
        if (is_word(&name, names[i])) {
            return i;
        }
    }
    return OTHER;
}

/* A name that is longer than those that matter keeps its first bytes only, which are none of them. */
static int read_name(whi_answer *answer, reader *from) {
    while (from->at < from->end && is_token(*from->at)) {
        if (answer->name_size < sizeof answer->name) {
            answer->name[answer->name_size++] = *from->at;
        }
        from->at++;
    }
    if (from->at == from->end) {
        return GOES_ON;
    }
    answer->field = field_of(answer);
    answer->step = BLANK;
    return *from->at++ == ':' && answer->name_size > 0 ? GOES_ON : WHI_ANSWER_BAD;
}

static int read_blank(whi_answer *answer, reader *from) {
    while (from->at < from->end && is_blank(*from->at)) {
        from->at++;
    }
    answer->step = from->at < from->end ? VALUE : BLANK;
    return GOES_ON;
}

static int read_value(whi_answer *answer, reader *from) {
    const char *begin = from->at;
    int code = pass_line(answer, from);
    int ends = code == GOES_ON && answer->step != VALUE;

    if (answer->field != OTHER) {
        size_t size = (size_t)(from->at - begin) - (size_t)ends, room = sizeof answer->value - answer->value_size;
        size = size < room ? size : room;
        memcpy(answer->value + answer->value_size, begin, size);
        answer->value_size += size;
    }
    return ends ? see_field(answer) : code;
}

static int read_line_end(whi_answer *answer, reader *from) {
    answer->step = LINE_BEGIN;
    return *from->at++ == '\n' ? GOES_ON : WHI_ANSWER_BAD;
}

/* What a head has said is forgotten with it. */
static void begin_head(whi_answer *answer) {
    answer->step = STATUS;
    answer->seen = 0;
    answer->status = answer->trails = answer->closes = answer->stays = 0;
    answer->lengths = answer->codings = answer->chunked = 0;
    answer->length = 0;
    answer->keep_seconds = -1;
    answer->retry_after[0] = '\0';
}

static void begin_chunk(whi_answer *answer) {
    answer->step = CHUNK_SIZE;
    answer->digits = 0;
    answer->left = 0;
}

/* RFC 9112 6.3, in its order. A connection is not kept behind an answer that has no body and speaks of one: who sends
 * it might send one. */
static int frame(whi_answer *answer) {
    if (answer->status == 204 || answer->status == 304) {
        answer->keeps &= answer->codings == 0 && answer->length == 0;
        return WHI_ANSWER_WHOLE;
    }
    if (answer->codings > 0 && answer->chunked) {
        begin_chunk(answer);
        return GOES_ON;
    }
    if (answer->codings > 0 || answer->lengths == 0) {
        answer->keeps = 0;
        answer->step = BODY_TO_END;
        return GOES_ON;
    }
    answer->left = answer->length;
    answer->step = LENGTH_BODY;
    return answer->left > 0 ? GOES_ON : WHI_ANSWER_WHOLE;
}

static int read_head_end(whi_answer *answer, reader *from) {
    if (*from->at++ != '\n') {
        return WHI_ANSWER_BAD;
    }
    if (answer->trails) {
        return WHI_ANSWER_WHOLE;
    }
    if (answer->codings > 0 && ((answer->lengths > 0 && !answer->chunked) || answer->minor == 0)) {
        return WHI_ANSWER_BAD;
    }
    if (answer->status == 101) {
        return WHI_ANSWER_OTHER;
    }
    if (answer->status < 200) {
        begin_head(answer);
        return GOES_ON;
    }
    answer->headed = 1;
    answer->keeps = !answer->closes && !answer->bare && (answer->minor == 1 || answer->stays) &&
                    !(answer->lengths > 0 && answer->codings > 0);
    return frame(answer);
}

/* ------------------------------------------------------------------------- the body */

static int read_chunk_size(whi_answer *answer, reader *from) {
    while (from->at < from->end && whi_hex_digit(*from->at) >= 0) {
        if (answer->digits++ == SIZE_DIGITS) {
            return WHI_ANSWER_BAD;
        }
        answer->left = answer->left * 16 + whi_hex_digit(*from->at++);
    }
    if (from->at == from->end) {
        return GOES_ON;
    }
    answer->step = CHUNK_BLANK;
    return answer->digits > 0 ? GOES_ON : WHI_ANSWER_BAD;
}

static int read_chunk_blank(whi_answer *answer, reader *from) {
    while (from->at < from->end && is_blank(*from->at)) {
        from->at++;
    }
    if (from->at == from->end) {
        return GOES_ON;
    }
    answer->step = *from->at == ';' ? CHUNK_EXTENSION : CHUNK_LINE_END;
    return *from->at == ';' || *from->at++ == '\r' ? GOES_ON : WHI_ANSWER_BAD;
}

static int read_chunk_extension(whi_answer *answer, reader *from) {
    pass_text(from);
    if (from->at == from->end) {
        return GOES_ON;
    }
    answer->step = CHUNK_LINE_END;
    return *from->at++ == '\r' ? GOES_ON : WHI_ANSWER_BAD;
}

static int read_chunk_line_end(whi_answer *answer, reader *from) {
    answer->trails = answer->left == 0;
    answer->step = answer->trails ? LINE_BEGIN : CHUNK_BODY;
    return *from->at++ == '\n' ? GOES_ON : WHI_ANSWER_BAD;
}

/* A piece of what is left. */
static void take_body(whi_answer *answer, reader *from, whi_answer_bytes *body) {
    size_t size = (size_t)(from->end - from->at);

    if ((uint64_t)answer->left < size) {
        size = (size_t)answer->left;
    }
    *body = (whi_answer_bytes){ from->at, size };
    from->at += size;
    answer->left -= (int64_t)size;
}

static int read_chunk_return(whi_answer *answer, reader *from) {
    answer->step = CHUNK_FEED;
    return *from->at++ == '\r' ? GOES_ON : WHI_ANSWER_BAD;
}

static int read_chunk_feed(whi_answer *answer, reader *from) {
    begin_chunk(answer);
    return *from->at++ == '\n' ? GOES_ON : WHI_ANSWER_BAD;
}

static int read_body(whi_answer *answer, reader *from, whi_answer_bytes *body) {
    switch (answer->step) {
    case CHUNK_BODY:
        take_body(answer, from, body);
        answer->line_bytes = 0;
        answer->step = answer->left > 0 ? CHUNK_BODY : CHUNK_RETURN;
        return WHI_ANSWER_BODY;
    case LENGTH_BODY:
        take_body(answer, from, body);
        answer->step = answer->left > 0 ? LENGTH_BODY : ENDED;
        return WHI_ANSWER_BODY;
    case BODY_TO_END:
        *body = (whi_answer_bytes){ from->at, (size_t)(from->end - from->at) };
        from->at = from->end;
        return WHI_ANSWER_BODY;
    default:
        return WHI_ANSWER_WHOLE;
    }
}

/* ----------------------------------------------------------------------- all of it */

static int (*const lines[STEPS])(whi_answer *answer, reader *from) = {
    [STATUS] = read_status,
    [REASON] = pass_line,
    [LINE_BEGIN] = read_line_begin,
    [NAME] = read_name,
    [BLANK] = read_blank,
    [VALUE] = read_value,
    [LINE_END] = read_line_end,
    [HEAD_END] = read_head_end,
    [CHUNK_SIZE] = read_chunk_size,
    [CHUNK_BLANK] = read_chunk_blank,
    [CHUNK_EXTENSION] = read_chunk_extension,
    [CHUNK_LINE_END] = read_chunk_line_end,
    [CHUNK_RETURN] = read_chunk_return,
    [CHUNK_FEED] = read_chunk_feed,
};

/* One step within what lines may still have, so that it ends at the same byte however the bytes come. */
static int read_lines(whi_answer *answer, reader *all) {
    int of_chunk = answer->step >= CHUNK_SIZE;
    size_t *count = of_chunk ? &answer->line_bytes : &answer->head_bytes;
    size_t room = (of_chunk ? WHI_ANSWER_CHUNK_LINE : answer->head_maximum) - *count;
    reader from = *all;
    int code;

    if (room == 0) {
        return WHI_ANSWER_LONG;
    }
    from.end = (size_t)(from.end - from.at) > room ? from.at + room : from.end;
    code = lines[answer->step](answer, &from);
    *count += (size_t)(from.at - all->at);
    all->at = from.at;
    return code;
}

void whi_answer_begin(whi_answer *answer, size_t head_maximum) {
    answer->headed = answer->keeps = answer->minor = answer->field = answer->bare = 0;
    answer->head_bytes = answer->line_bytes = 0;
    answer->head_maximum = head_maximum;
    answer->left = 0;
    begin_head(answer);
}

int whi_answer_read(whi_answer *answer, whi_answer_bytes *from, whi_answer_bytes *body) {
    reader all = { from->text, from->text + from->size };
    int code = GOES_ON;

    *body = (whi_answer_bytes){ from->text, 0 };
    while (code == GOES_ON && (all.at < all.end || answer->step == ENDED)) {
        code = lines[answer->step] != NULL ? read_lines(answer, &all) : read_body(answer, &all, body);
    }
    *from = (whi_answer_bytes){ all.at, (size_t)(all.end - all.at) };
    return code == GOES_ON ? WHI_ANSWER_MORE : code;
}

int whi_answer_ends(const whi_answer *answer) {
    return answer->step == BODY_TO_END;
}
