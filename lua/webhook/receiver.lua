--- Receiving webhooks in a server of your own.
---
---     local receive = webhook.receiver {
---       secrets = "whsec_…",
---       handle = function(event) print(event.id, event.type, event.body) end,
---     }
---     local status, headers, body = receive { method = "POST", headers = headers, body = body, url = "/hooks" }
---
--- It has no sockets and never waits: the server around it is yours (examples/receiver_*.lua
--- has three). What it answers:
---
---   204  handled; or what your function returns instead, { status, headers, body }: Slack wants the challenge of
---        an url_verification in a body. With a status that is no 2xx it counts as not handled, and a retry is taken
---   200  a repeat, {"duplicate":true}: handled before, and not again; or an older one of an
---        order, {"late":true}: not handled, and not to be sent again either
---   400  the body is not JSON, or a header is no text
---   401  the signature does not fit; {"error":code} has the code of webhook.verify
---   405  not a POST
---   409  the same event, or another one of its key in an order, is being handled right now; the
---        sender comes back
---   413  larger than max_bytes
---   500  your function raised: on_error hears why, the sender does not. A retry is taken
---
--- Repeats. An id is remembered once your function has returned, for `window` seconds: by
--- default twice the tolerance and a second, which is as long as one signature with a time can
--- be good. Formats without a time (unified, truto, callfire, github, shopify; rfc9421 with
--- expires alone is good until then) are good for ever, so a window is all that keeps a replay
--- out: your function has to bear one after it, as it has to bear one after a restart. At most max_ids are remembered, the oldest are forgotten first;
--- one takes about 200 bytes. The id is one that is signed:
---
---   standard          webhook-id, or svix-id
---   truto, stripe     the body's id
---   unified           the body's nonce
---   slack             the body's event_id; of a form: a digest of time and body
---   callfire, github, shopify, rfc9421   a digest of the body, since their ids are not signed
---
--- "auto" with one secret lets whoever resends a request choose among the formats that sign the
--- body alone (truto, github, shopify): it stays a repeat, but event.format is the other's.
---
--- An event's type, and in unified all but payload.data and payload.nonce, may be unsigned:
--- github's and shopify's are headers.
---
--- Order. A subscription with an order sends a number with each request, event.sequence here. It
--- ascends among the events of a key, and is the same for a retry and a replay. No sender can call back a
--- request that has left, so after a pause or a death of the sender's an older one may come behind a
--- newer one. With `order` it goes to `late`, instead of to `handle`:
---
---     order = "fifo"          all of this receiver is one order, as with a subscription's "fifo"
---     order = function(event) return event.payload.id end
---                             each key has its own, as with "key" and "latest"; nil: it has none
---
--- Your function may part events further than the sender's keys do. It must not join what the sender
--- keeps apart: the numbers of two keys, or of two subscriptions, come as they like, and would pass for old
--- ones. So give each subscription a receiver, and do not say "fifo" where the subscription says "key". What
--- comes without a number is handled.
---
--- `late` may hear of what was handled long ago, of what never was, and of what an operator replays: all
--- that is known is that something newer has begun. Where every event counts and not the newest
--- state alone, it has to do something about them.
---
--- The highest number of a key is raised before `handle` is called, and lower ones alone are late. So
--- the retry of what your function failed at is taken, and a crash between the two costs no order.
--- Highest numbers are in memory: of max_keys keys at most, and of the max_keys / 2 at least that had the
--- last events. Over a restart, or among several processes, keep them yourself:
---
---     highest = function(key, number) … end
---
--- raises what is kept of the key to the number, if it is lower, and gives what is kept then: in one step,
--- since others do the same. "fifo" has the key "".
---
--- The number is not signed. Who can change a request on its way, or may send an old one again with
--- another number (after a restart, or where a signature has no time after the window), can have
--- events passed over that are not old.
local core = require "webhook.core"
local formats = require "webhook.formats"
local letters = require "webhook.letters"

---@class webhook.receiver_options
---@field secrets string|string[] one must match; see webhook.verify
---@field handle fun(event: webhook.received): webhook.receiver_answer? your function; may yield where its caller can wait
---@field format? webhook.format|"auto" "standard" by default
---@field tolerance? integer seconds either way that the request's time may be off (300); negative: not checked
---@field window? integer seconds that an id is remembered; default twice the tolerance and 1, 600 without one
---@field max_bytes? integer of a body, 1048576
---@field max_ids? integer remembered at once, 100000
---@field order? "fifo"|fun(event: webhook.received): string|number|nil minds the sender's numbers: of all, or of each key
---@field late? fun(event: webhook.received, highest: integer) hears of an older one instead of handle; the number that it is behind
---@field highest? fun(key: string|number, number: integer): integer keeps the highest number of a key, instead of memory
---@field max_keys? integer of an order, remembered at once, 100000
---@field now? fun(): integer ms since 1970, instead of the machine's clock
---@field on_error? fun(message: any, event?: webhook.received) hears what failed here; by default a Lua warning

---@class webhook.receiver_answer
---@field status? integer 200 to 599; 200
---@field headers? table<string, string>
---@field body? string

---@class webhook.request
---@field method string
---@field headers table<string, any> name to value, in any case; to a list of values where it came several times
---@field body string the raw bytes
---@field url? string the URL, or its path and query; rfc9421 may need it

---@class webhook.received
---@field id string the same for every repeat
---@field type? string
---@field payload any decoded as webhook.decode does; nil when slack or github sent a form
---@field body string
---@field headers table<string, any> their names in lower case, several values of one joined by ", "
---@field format webhook.format
---@field sequence? integer its number, where the sender keeps an order; not signed

---@alias webhook.receiver fun(request: webhook.request): status: integer, headers: table<string, string>, body: string

local names = {
  secrets = "table", handle = "function", format = "string", tolerance = "integer", window = "integer",
  max_bytes = "integer", max_ids = "integer", now = "function", on_error = "function",
  order = "function", late = "function", highest = "function", max_keys = "integer",
}
local or_text = { secrets = true, order = true }

local function kind(value) return math.type(value) == "integer" and "integer" or type(value) end

local SECRET_MAXIMUM <const> = 1024 -- bytes of one that is a text

-- What a request that nobody has signed is refused for shows whether the secret could be read.
local function complaint_of(secret, format)
  local encoded = formats[format] and formats[format].encoded
  if encoded ~= "all" and not (encoded and secret:find "^wh[a-z]+_") then
    if #secret >= 1 and #secret <= SECRET_MAXIMUM and not secret:find("\0", 1, true) then return nil end
    return ("expected a text of 1 to %d bytes, without a zero byte"):format(SECRET_MAXIMUM)
  end
  local nothing = { ["webhook-id"] = "a", ["webhook-timestamp"] = "0", ["webhook-signature"] = "v1," .. ("A"):rep(43) .. "=" }
  local _, message, code = core.verify(nothing, "", secret, { tolerance = -1 })
  return code ~= "signature_mismatch" and message:gsub("^secrets%[?1?%]?: ", "") or nil
end

local function check_secrets(secrets, format)
  if not secrets then error("secrets: expected a string or a list, found nil", 5) end
  local list = type(secrets) == "string" and { secrets } or secrets
  if #list == 0 then error("secrets: expected one or more, found none", 5) end
  for n, secret in ipairs(list) do
    local name = list == secrets and ("secrets[%d]"):format(n) or "secrets"
    if type(secret) ~= "string" then error(("%s: expected a string, found %s"):format(name, type(secret)), 5) end
    local complaint = complaint_of(secret, format)
    if complaint then error(name .. ": " .. complaint, 5) end
  end
end

local function check_order(options)
  if type(options.order) == "string" and options.order ~= "fifo" then
    error(("order: expected 'fifo' or a function, found '%s'"):format(options.order), 5)
  end
  for _, name in ipairs { "late", "highest", "max_keys" } do
    if options[name] and not options.order then error(name .. ": means nothing without an order", 5) end
  end
  if (options.max_keys or 2) < 2 then error(("max_keys: expected 2 or more, found %d"):format(options.max_keys), 5) end
end

local function check(options)
  if type(options) ~= "table" then error(("options: expected a table, found %s"):format(type(options)), 4) end
  for name, value in next, options do
    local expected = names[name]
    if not expected then error(("options: unknown name '%s'"):format(name), 4) end
    if kind(value) ~= expected and not (or_text[name] and type(value) == "string") then
      error(("%s: expected %s, found %s"):format(name, expected, kind(value)), 4)
    end
  end
  if options.format and options.format ~= "auto" and not formats[options.format] then
    error(("format: '%s' is none"):format(options.format), 4)
  end
  check_secrets(options.secrets, options.format or "standard")
  if not options.handle then error("handle: expected a function, found nil", 4) end
  for _, name in ipairs { "window", "max_bytes", "max_ids" } do
    if (options[name] or 1) < 1 then error(("%s: expected 1 or more, found %d"):format(name, options[name]), 4) end
  end
  check_order(options)
end

-- ------------------------------------------------------------------ ids seen before

-- All are kept equally long, so the oldest is the first to go: a queue and a set.
local function new_memory(window, most)
  local seen, queue, first, last = {}, {}, 1, 0
  local memory = {}

  local function forget()
    seen[queue[first].key] = nil
    queue[first] = nil
    first = first + 1
  end

  function memory.has(key, now)
    while first <= last and queue[first].ends <= now do forget() end
    return seen[key] ~= nil
  end

  function memory.add(key, now)
    if last - first + 1 >= most then forget() end
    last = last + 1
    queue[last], seen[key] = { key = key, ends = now + window }, true
  end

  return memory
end

-- ------------------------------------------------------------------------- order

-- In two halves. The one that is written to becomes the other when it is full, and what that had goes: it was not
-- touched for as many keys as a half has.
local function new_highest(most)
  local young, old, count = {}, {}, 0
  return function(key, number)
    local highest = math.max(number, young[key] or old[key] or 0)
    if not young[key] then
      if count == most // 2 then young, old, count = {}, young, 0 end
      count = count + 1
    end
    young[key] = highest
    return highest
  end
end

local function key_of(order, event)
  if not event.sequence then return nil end
  if order == "fifo" then return "" end
  local key = order(event)
  if key == nil or key == core.null then return nil end
  if type(key) ~= "string" and type(key) ~= "number" then
    error(("order: expected a string or a number, found %s"):format(type(key)), 0)
  end
  return key
end

-- Hands events to your functions: to handle those that are in order, one of a key at a time. Gives the
-- status of the answer, and what handle returned.
local function new_turns(options)
  local order, handle, late = options.order, options.handle, options.late or function() end
  local highest, busy = options.highest or new_highest(options.max_keys or 100000), {}

  return function(event)
    local key = order and key_of(order, event)
    if not key then return 204, handle(event) end
    if busy[key] then return 409 end
    local _ <close> = setmetatable({}, { __close = function() busy[key] = nil end })
    busy[key] = true
    local number = highest(key, event.sequence)
    if math.type(number) ~= "integer" then error("highest: expected an integer, found " .. kind(number), 0) end
    if number > event.sequence then late(event, number) return 200 end
    return 204, (handle(event))
  end
end

-- The answer that handle gave; nil for none. Anything but a table is what a function happens to return.
local function given_answer(given)
  if type(given) ~= "table" or (given.status == nil and given.body == nil) then return nil end
  local status, headers, body = given.status or 200, given.headers or {}, given.body or ""
  if math.type(status) ~= "integer" or status < 200 or status > 599 then error("handle: status: expected an integer from 200 to 599", 0) end
  if type(headers) ~= "table" then error("handle: headers: expected a table, found " .. type(headers), 0) end
  if type(body) ~= "string" then error("handle: body: expected a string, found " .. type(body), 0) end
  return { status = status, headers = headers, body = body }
end

-- ------------------------------------------------------------------------- events

-- A name for bytes that is the same everywhere; the key is no secret.
local function digest(bytes, salt)
  local signature = assert(core.sign("whsec_d2ViaG9vay5yZWNlaXZlcg==", salt or "digest", 0, bytes))
  return "digest_" .. signature:match("^v1,(.*)$")
end

local function new_event(name, headers, body, payload, sequence)
  local format = formats[name]
  local id = format.id and format.id(payload, headers) or digest(body, format.salt and format.salt(headers))
  local kind_of = format.type(payload, headers)
  return { id = id, type = kind_of, payload = payload, body = body, headers = headers, format = name, sequence = sequence }
end

-- ------------------------------------------------------------------------- answers

local function answer(status, document, more)
  local headers = more or {}
  if not document then return status, headers, "" end
  headers["Content-Type"] = "application/json"
  return status, headers, core.encode(document)
end

local function refuse(status, code, more) return answer(status, { error = code }, more) end

local function refuse_busy() return refuse(409, "busy", { ["Retry-After"] = "5" }) end

-- As webhook.verify reads it: without the blanks around it, and what came several times joined.
local function value_of(value)
  if type(value) == "string" then return value:match "^[ \t]*(.-)[ \t]*$" end
  if type(value) ~= "table" then return value end
  local all = {}
  for n, each in ipairs(value) do
    if type(each) ~= "string" then return value end
    all[n] = value_of(each)
  end
  return table.concat(all, ", ")
end

local function lowered(headers)
  local found = {}
  for name, value in next, headers do found[letters.lower(name)] = value_of(value) end
  return found
end

-- What a repeat is known by.
local function keys_of(event)
  local own = event.format .. ":" .. event.id
  if not formats[event.format].alike then return { own } end
  local shared = "body:" .. digest(event.body)
  return formats[event.format].id and { own, shared } or { shared }
end

-- What webhook.verify says of the sender; all else is ours.
local function status_of(code)
  if code:find "^signature_" then return 401 end
  return code == "invalid" and 400 or 500
end

local function check_request(request)
  if type(request) ~= "table" then error(("request: expected a table, found %s"):format(type(request)), 3) end
  for name, expected in next, { method = "string", headers = "table", body = "string" } do
    if type(request[name]) ~= expected then
      error(("request.%s: expected a %s, found %s"):format(name, expected, type(request[name])), 3)
    end
  end
end

--- Makes the function that answers requests.
---@param options webhook.receiver_options
---@return webhook.receiver
local function new_receiver(options)
  check(options)
  local secrets, on_error = options.secrets, options.on_error
  local order, take_turn = options.order, new_turns(options)
  local tolerance = options.tolerance or 300
  if tolerance == 0 then tolerance = 300 end -- as in webhook.verify
  local window = options.window or (tolerance > 0 and 2 * tolerance + 1 or 600)
  local max_bytes, format = options.max_bytes or 1048576, options.format or "standard"
  local memory, busy = new_memory(window * 1000, options.max_ids or 100000), {}
  local now = options.now or function() return os.time() * 1000 end

  local function tell(message, event)
    local heard, complaint = true, message
    if on_error then heard, complaint = pcall(on_error, message, event) end
    if not (on_error and heard) then warn("webhook.receiver: ", tostring(complaint)) end
  end

  -- Whatever ends this, also the closing of a coroutine that waits in handle, frees the id (and the key).
  local function run(keys, event)
    local guard <close> = setmetatable({}, {
      __close = function()
        for _, key in ipairs(keys) do busy[key] = nil end
      end,
    })
    for _, key in ipairs(keys) do busy[key] = guard end
    local done, result, given = xpcall(function()
      local status, returned = take_turn(event)
      return status, given_answer(returned)
    end, function(raised) -- a table stays what it is
      return type(raised) == "string" and debug.traceback(raised, 2) or raised
    end)
    if not done then
      tell(result, event)
      return refuse(500, "internal")
    end
    if result == 409 then return refuse_busy() end
    if given and given.status >= 300 then return given.status, given.headers, given.body end
    local at_end = now()
    for _, key in ipairs(keys) do memory.add(key, at_end) end
    if given then return given.status, given.headers, given.body end
    return answer(result, result == 200 and { late = true } or nil)
  end

  return function(request)
    check_request(request)
    if request.method ~= "POST" then return refuse(405, "method", { Allow = "POST" }) end
    if #request.body > max_bytes then return refuse(413, "limit") end
    local verified, found, more = core.verify(request.headers, request.body, secrets, {
      format = format, tolerance = tolerance, now = now(), method = request.method, url = request.url,
    })
    if not verified then
      local status = status_of(more)
      if status == 500 then tell(found) end
      return refuse(status, status == 500 and "internal" or more)
    end
    local payload, _, unread = core.decode(request.body)
    local form = formats[found].form
    if payload == nil and not (form and request.body:find(form)) then return refuse(400, unread) end
    local event = new_event(found, lowered(request.headers), request.body, payload, more)
    if order and not event.sequence and event.headers["webhook-sequence"] then return refuse(401, "signature_format") end
    local keys = keys_of(event)
    for _, key in ipairs(keys) do
      if memory.has(key, now()) then return answer(200, { duplicate = true }) end
      if busy[key] then return refuse_busy() end
    end
    return run(keys, event)
  end
end

return new_receiver
