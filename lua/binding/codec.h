/* JSON and Lua values.
 *
 *   JSON     Lua
 *   null     webhook.null, a NULL light userdata, which is lua-cjson's null as well
 *   number   integer within 64 bits, else float
 *   string   string
 *   array    table 1..n with the array mark, so that [] survives decode and encode: lua-cjson's where it has one
 *   object   table; of a name that comes twice the last value
 *
 * Encoding reads tables without metamethods. A table with keys 1..n is an array, one
 * with texts as keys an object, written in the bytewise order of its names; an empty
 * one is an object unless it is marked. Marks are the metatables of webhook.array and
 * webhook.object and, when it is loaded, lua-cjson's. webhook.raw stands for its text.
 * What JSON cannot say is an error that names the place: "payload.items[3]: …". */
#ifndef WHL_CODEC_H
#define WHL_CODEC_H

#include "binding.h"

/* Nesting: what webhook.encode allows, and what is decoded, which is what an engine
 * may be told to accept (json_depth) and the record around it. */
#define WHL_ENCODE_DEPTH 64
#define WHL_DECODE_DEPTH 1010

/* Appends the value at index to out, which belongs to a box. root names it in errors.
 * Errors, with the sentence: WH_EINVALID, WH_ELIMIT, WH_ENOMEM. Raises want of memory. */
int whl_write(lua_State *L, int index, const char *root, int depth, whi_buf *out);

/* whl_write of a payload. A string that holds a JSON object or array is refused: it would arrive as
 * one text, which hardly anybody means who has JSON in hand. */
int whl_write_payload(lua_State *L, int index, int depth, whi_buf *out);

/* The same for a subscription's document: its members are fields of their own in errors, as they are
 * where the library reads it, and the whole of it is "document". */
int whl_write_document(lua_State *L, int index, whi_buf *out);

/* Pushes the value of text, which must live until then, or fails with WH_EJSON,
 * WH_ELIMIT, WH_ENOMEM and pushes nothing. Members that are null are left out of the
 * objects of the outermost `bare` levels. Uses box->json and box->buf. */
int whl_read(lua_State *L, whl_box *box, const char *text, size_t size, int bare);

/* The text of the webhook.raw at index, NULL if it is none. */
const char *whl_raw_text(lua_State *L, int index, size_t *size);

#endif
