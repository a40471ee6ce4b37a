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
---   204  handled
---   200  a repeat, {"duplicate":true}: handled before, and not again
---   400  the body is not JSON, or a header is no text
---   401  the signature does not fit; {"error":code} has the code of webhook.verify
---   405  not a POST
---   409  the same event is being handled right now; the sender comes back
---   413  larger than max_bytes
---   500  your function raised, or a secret cannot be read: on_error hears why, the sender
---        does not. A retry is taken
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
local core = require "webhook.core"
local formats = require "webhook.formats"

---@class webhook.receiver_options
---@field secrets string|string[] one must match; see webhook.verify
---@field handle fun(event: webhook.received) your function; may yield where its caller can wait
---@field format? webhook.format|"auto" "standard" by default
---@field tolerance? integer seconds either way that the request's time may be off (300); negative: not checked
---@field window? integer seconds that an id is remembered; default twice the tolerance and 1, 600 without one
---@field max_bytes? integer of a body, 1048576
---@field max_ids? integer remembered at once, 100000
---@field now? fun(): integer ms since 1970, instead of the machine's clock
---@field on_error? fun(message: any, event?: webhook.received) hears what failed here; by default a Lua warning

---@class webhook.request
---@field method string
---@field headers table<string, any> name to value, in any case
---@field body string the raw bytes
---@field url? string the URL, or its path and query; rfc9421 may need it

---@class webhook.received
---@field id string the same for every repeat
---@field type? string
---@field payload any decoded as webhook.decode does; nil when slack or github sent a form
---@field body string
---@field headers table<string, any> their names in lower case
---@field format webhook.format

---@alias webhook.receiver fun(request: webhook.request): status: integer, headers: table<string, string>, body: string

local names = {
  secrets = "table", handle = "function", format = "string", tolerance = "integer", window = "integer",
  max_bytes = "integer", max_ids = "integer", now = "function", on_error = "function",
}

local function kind(value) return math.type(value) == "integer" and "integer" or type(value) end

local function check_secrets(secrets)
  if not secrets then error("secrets: expected a string or a list, found nil", 5) end
  if type(secrets) == "string" then return end
  if #secrets == 0 then error("secrets: expected one or more, found none", 5) end
  for n, secret in ipairs(secrets) do
    if type(secret) ~= "string" then error(("secrets[%d]: expected a string, found %s"):format(n, type(secret)), 5) end
  end
end

local function check(options)
  if type(options) ~= "table" then error(("options: expected a table, found %s"):format(type(options)), 4) end
  for name, value in next, options do
    local expected = names[name]
    if not expected then error(("options: unknown name '%s'"):format(name), 4) end
    if kind(value) ~= expected and not (name == "secrets" and type(value) == "string") then
      error(("%s: expected %s, found %s"):format(name, expected, kind(value)), 4)
    end
  end
  check_secrets(options.secrets)
  if not options.handle then error("handle: expected a function, found nil", 4) end
  if options.format and options.format ~= "auto" and not formats[options.format] then
    error(("format: '%s' is none"):format(options.format), 4)
  end
  for _, name in ipairs { "window", "max_bytes", "max_ids" } do
    if (options[name] or 1) < 1 then error(("%s: expected 1 or more, found %d"):format(name, options[name]), 4) end
  end
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

-- ------------------------------------------------------------------------- events

-- A name for bytes that is the same everywhere; the key is no secret.
local function digest(bytes, salt)
  local signature = assert(core.sign("whsec_d2ViaG9vay5yZWNlaXZlcg==", salt or "digest", 0, bytes))
  return "digest_" .. signature:match("^v1,(.*)$")
end

local function new_event(name, headers, body, payload)
  local format = formats[name]
  local id = format.id and format.id(payload, headers) or digest(body, format.salt and format.salt(headers))
  local kind_of = format.type(payload, headers)
  return { id = id, type = kind_of, payload = payload, body = body, headers = headers, format = name }
end

-- ------------------------------------------------------------------------- answers

local function answer(status, document, more)
  local headers = more or {}
  if not document then return status, headers, "" end
  headers["Content-Type"] = "application/json"
  return status, headers, core.encode(document)
end

local function refuse(status, code, more) return answer(status, { error = code }, more) end

local function lowered(headers)
  local found = {}
  for name, value in next, headers do found[name:lower()] = value end
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
  local secrets, handle, on_error = options.secrets, options.handle, options.on_error
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

  -- Whatever ends this, also the closing of a coroutine that waits in handle, frees the id.
  local function run(keys, event)
    local guard <close> = setmetatable({}, {
      __close = function()
        for _, key in ipairs(keys) do busy[key] = nil end
      end,
    })
    for _, key in ipairs(keys) do busy[key] = guard end
    local done, message = xpcall(handle, function(raised) -- a table stays what it is
      return type(raised) == "string" and debug.traceback(raised, 2) or raised
    end, event)
    if not done then
      tell(message, event)
      return refuse(500, "internal")
    end
    local at_end = now()
    for _, key in ipairs(keys) do memory.add(key, at_end) end
    return answer(204)
  end

  return function(request)
    check_request(request)
    if request.method ~= "POST" then return refuse(405, "method", { Allow = "POST" }) end
    if #request.body > max_bytes then return refuse(413, "limit") end
    local verified, found, code = core.verify(request.headers, request.body, secrets, {
      format = format, tolerance = tolerance, now = now(), method = request.method, url = request.url,
    })
    if not verified then
      local status = status_of(code)
      if status == 500 then tell(found) end
      return refuse(status, status == 500 and "internal" or code)
    end
    local payload, _, unread = core.decode(request.body)
    local form = formats[found].form
    if payload == nil and not (form and request.body:find(form)) then return refuse(400, unread) end
    local event = new_event(found, lowered(request.headers), request.body, payload)
    local keys = keys_of(event)
    for _, key in ipairs(keys) do
      if memory.has(key, now()) then return answer(200, { duplicate = true }) end
      if busy[key] then return refuse(409, "busy", { ["Retry-After"] = "5" }) end
    end
    return run(keys, event)
  end
end

return new_receiver
