--- What a subcommand works with: the store of its line, files, and how things are printed.
local core = require "webhook.core"
local letters = require "webhook.letters"
local webhook = require "webhook"

---@class webhook.command.output
---@field json boolean
---@field store string
---@field rows string[][] wait until the widths of their columns are known
local output = {}
output.__index = output

local ROWS <const> = 200 -- printed together; a longer list is aligned in parts
local RETRY <const> = 0.2 -- seconds between two looks at a lock, each of which waits 10 s for it

---@param json boolean
---@param store string
function output.new(json, store)
  return setmetatable({ json = json, store = store, rows = {} }, output)
end

--- Text as a terminal may show it: what receivers and publishers wrote could hold commands to
--- the terminal.
---@param text string
---@return string
function output.plain(text)
  text = utf8.len(text) and text or text:gsub("[\x80-\xff]", "?")
  return (text:gsub("[%z\1-\8\11-\31\127]", "?"):gsub("\xc2[\x80-\x9f]", "?"))
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
    print(webhook.encode(document))
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
function output.list(hooks, kind, query, most, print_one)
  repeat
    local page = output.check(hooks:page(kind, query))
    for _, each in ipairs(page.items) do
      print_one(each)
      most = most and most - 1
      if most == 0 then return end
    end
    query.cursor = page.next
  until not page.next
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

--- Opens the store. more: options of webhook.open.
function output:open(more)
  return self.check(webhook.open(self.store, more))
end

--- A log function that writes to the standard error. quiet: errors alone.
function output.logger(quiet)
  return function(level, line)
    if level == "error" or not quiet then io.stderr:write(level, ": ", output.plain(line), "\n") end
  end
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
---@param values { allow?: string[], quiet?: boolean }
---@param threads integer
---@return webhook.engine
function output:open_to_work(values, threads)
  local function open()
    local hooks, message, code = webhook.open(self.store, { allow = values.allow, log = output.logger(values.quiet) })
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
