--- What a subcommand works with: the store of its line, files, and how things are printed.
local core = require "webhook.core"
local letters = require "webhook.letters"
local webhook = require "webhook"

---@class webhook.command.output
---@field json boolean
---@field store string
---@field named boolean whether the line or the environment names the store
---@field key_file? string keys that encrypt what is secret in the store
---@field rows string[][] wait until the widths of their columns are known
local output = {}
output.__index = output

local ROWS <const> = 200 -- printed together; a longer list is aligned in parts
local RETRY <const> = 0.2 -- seconds between two looks at a lock, each of which waits 10 s for it

---@param json boolean
---@param store? string nil: the one of this folder
---@param key_file? string
function output.new(json, store, key_file)
  return setmetatable({ json = json, store = store or "webhook.db", named = store ~= nil, key_file = key_file, rows = {} }, output)
end

--- Tells beside what is printed, where a person reads it.
function output:note(text, ...)
  if not self.json then io.stderr:write(output.plain(text:format(...)), "\n") end
end

-- What a terminal shows as nothing, or by turning around what stands beside it: Unicode's format
-- characters and fillers, the selectors of variants, and the controls beyond ASCII. Ascending.
local UNSEEN <const> = {
  0x80, 0x9f, 0xad, 0xad, 0x34f, 0x34f, 0x600, 0x605, 0x61c, 0x61c, 0x6dd, 0x6dd, 0x70f, 0x70f, 0x115f, 0x1160, 0x17b4, 0x17b5,
  0x180b, 0x180f, 0x200b, 0x200f, 0x2028, 0x202e, 0x2060, 0x206f, 0x3164, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xfeff, 0xffa0, 0xffa0,
  0xfff0, 0xfffb, 0x110bd, 0x110bd, 0x1bca0, 0x1bca3, 0x1d173, 0x1d17a, 0xe0000, 0xe0fff,
}

local function is_unseen(point)
  for i = 1, #UNSEEN, 2 do
    if point <= UNSEEN[i + 1] then return point >= UNSEEN[i] end
  end
  return false
end

-- In UTF-8, what stands for such a character is what replace says of its code point.
local function without_unseen(text, replace)
  return (text:gsub("[\xc2-\xf4][\x80-\xbf]+", function(letter)
    local point = utf8.codepoint(letter)
    return is_unseen(point) and replace(point) or nil
  end))
end

local function question_mark() return "?" end

local function escape(point)
  if point < 0x10000 then return ("\\u%04x"):format(point) end
  point = point - 0x10000
  return ("\\u%04x\\u%04x"):format(0xd800 + (point >> 10), 0xdc00 + (point & 0x3ff))
end

--- Text as a terminal may show it: what receivers and publishers wrote could hold commands to
--- the terminal, or hide a part of itself.
---@param text string
---@return string
function output.plain(text)
  text = utf8.len(text) and text or text:gsub("[\x80-\xff]", "?")
  return without_unseen(text:gsub("[%z\1-\8\11-\31\127]", "?"), question_mark)
end

--- JSON of the same meaning, in which such characters are escaped: they stand in its strings alone.
---@param text string
---@return string
function output.escape(text)
  return without_unseen(text, escape)
end

function output.encode(value)
  return output.escape(output.check(webhook.encode(value)))
end

local function cell(value)
  if value == nil or value == "" or value == webhook.null then return "-" end
  if type(value) == "table" then value = #value > 0 and table.concat(value, ",") or "*" end
  return (output.plain(tostring(value)):gsub("[ \t-\r]", " "))
end

--- Prints a document: as JSON, or in a table by the given columns.
---@param document table
---@param columns string[]
function output:item(document, columns)
  if self.json then
    print(output.encode(document))
    return
  end
  if #columns == 1 then
    print(cell(document[columns[1]]))
    return
  end
  local row = {}
  for i, name in ipairs(columns) do row[i] = cell(document[name]) end
  if not self.headed then
    self.headed = true
    self.rows[1] = table.pack(table.unpack(columns))
    for i, name in ipairs(self.rows[1]) do self.rows[1][i] = letters.upper(name) end
  end
  self.rows[#self.rows + 1] = row
  if #self.rows >= ROWS then self:flush() end
end

--- Prints a list of the store page by page, at most so many of it (nil: all).
---@param hooks webhook.engine
---@param kind "subscriptions"|"events"|"deliveries"
---@param query webhook.query
---@param most? integer
---@param print_one fun(item: table)
function output:list(hooks, kind, query, most, print_one)
  local some = false
  repeat
    local page = self.check(hooks:page(kind, query))
    for _, each in ipairs(page.items) do
      print_one(each)
      some = true
      most = most and most - 1
      if most == 0 then return end
    end
    query.cursor = page.next
  until not page.next
  if not some then self:note("no such %s in the store %s", kind, self.store) end
end

--- Prints the rows that wait.
function output:flush()
  local widths = {}
  for _, row in ipairs(self.rows) do
    for i, text in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(text)) end
  end
  for _, row in ipairs(self.rows) do
    for i, text in ipairs(row) do
      row[i] = i < #row and text .. (" "):rep(widths[i] - utf8.len(text)) or text
    end
    print(table.concat(row, "  "))
  end
  self.rows = {}
end

output.__close = output.flush

--- Ends the command with a failure.
function output.fail(message, code)
  error { failure = message, code = code }
end

--- What an expected failure returns becomes the end of the command.
function output.check(value, message, code)
  if value == nil then output.fail(message, code) end
  return value
end

--- The bytes of a file, of the standard input for "-" or no name.
---@param name? string
---@return string
function output.read(name)
  if not name or name == "-" then return io.read "a" end
  local file <close> = output.check(io.open(name, "rb"))
  local text, message = file:read "a"
  return text or output.fail(("%s: %s"):format(name, message))
end

-- A file that is not there; what else is wrong with it is told by who opens it.
local function is_missing(name)
  local path = name:match "^[sS][qQ][lL][iI][tT][eE]:(.*)$" or name
  if path == "" or path:find "^[A-Za-z0-9+.-]+:" then return false end
  local file, _, number = io.open(path, "rb")
  if file then file:close() end
  return number == 2
end

--- Opens a store that is there, for who reads or changes what it has: an empty one would answer as if
--- there had never been anything.
---@param values? { allow?: string[], files?: string[] }
function output:open_existing(values)
  if is_missing(self.store) then
    self.fail(("there is no store %s%s; --store FILE or $WEBHOOK_STORE names another"):format(self.store,
      self.store:sub(1, 1) == "/" and "" or " in " .. (os.getenv "PWD" or "this folder")), "not_found")
  end
  if not self.named then self:note("the store is %s of this folder", self.store) end
  return self:open(values)
end

--- Opens the store, which is made if it is not there.
---@param values? { allow?: string[], files?: string[] }
function output:open(values)
  return self.check(webhook.open(self.store, { key_file = self.key_file, allow = values and values.allow, files = values and values.files }))
end

--- A log function that writes to the standard error. quiet: errors alone.
function output.logger(quiet)
  return function(level, line)
    if level == "error" or not quiet then io.stderr:write(level, ": ", output.plain(line), "\n") end
  end
end

local function time_text(ms)
  return os.date("!%Y-%m-%dT%H:%M:%S", ms // 1000) .. (".%03dZ"):format(ms % 1000)
end

--- In logfmt a line's message is a field like the others.
local function logfmt_message(message)
  return message:find '[ "=\\]' and '"' .. message:gsub('[\\"]', "\\%0") .. '"' or message
end

local formats = {
  text = function(level, line, record) return ("%s %s: %s"):format(time_text(record.time), level, line) end,
  logfmt = function(level, line, record)
    return ("time=%s level=%s msg=%s%s"):format(time_text(record.time), level, logfmt_message(record.message),
      line:sub(#record.message + 1))
  end,
  json = function(level, _, record)
    record.level, record.time = level, time_text(record.time)
    return output.encode(record)
  end,
}

--- Such a log, with the time of each line.
---@param values { quiet?: boolean }
local function work_logger(values)
  local format = formats[values["log-format"] or "text"]
  if not format then
    error { usage = ("--log-format: expected text, logfmt or json, found %q"):format(values["log-format"]) }
  end
  return function(level, line, record)
    io.stderr:write(output.plain(format(level, line, record)), "\n")
  end
end

local levels = { error = true, warning = true, info = true, debug = true }

local function work_level(values)
  local level = values["log-level"] or (values.quiet and "error" or "info")
  if not levels[level] then
    error { usage = ("--log-level: expected error, warning, info or debug, found %q"):format(level) }
  end
  return level
end

-- Calls what returns nil, a sentence and a code when it fails, again and again as long as another
-- program holds the store's lock. Nothing is under way that had to be finished: a signal ends the
-- process at once; afterwards signals are noted.
local function patiently(quiet, attempt)
  local told = quiet
  core.catch_signals(true)
  local result, message, code = attempt()
  while result == nil and code == "locked" do
    if not told then io.stderr:write("waiting for the store's lock\n") end
    told = true
    core.wait_signal(RETRY)
    result, message, code = attempt()
  end
  core.catch_signals()
  return output.check(result, message, code)
end

--- Opens the store for a command that goes on until it is stopped, and starts so many threads that
--- deliver (0: none); waits for the store's lock.
---@param values { allow?: string[], files?: string[], quiet?: boolean, transport?: string, proxy?: string }
---@param threads integer
---@return webhook.engine
function output:open_to_work(values, threads)
  local given = { allow = values.allow, files = values.files, key_file = self.key_file, log = work_logger(values), log_level = work_level(values),
    transport = values.transport, proxy = values.proxy }
  local function open()
    local hooks, message, code = webhook.open(self.store, given)
    if not hooks or threads == 0 then return hooks, message, code end
    local started
    started, message, code = hooks:start(threads)
    if started then return hooks end
    hooks:close()
    return nil, message, code
  end
  return patiently(values.quiet, open)
end

return output
