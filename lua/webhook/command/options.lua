--- Options of a command line: `--name value`, `--name=value`, `--flag`, `--no-flag`, and words.
local nearest = require "webhook.command.nearest"

local options = {}

local function wrong(...)
  error { usage = string.format(...) }
end

local function read_number(name, text, range)
  local number = math.tointeger(tonumber(text))
  if not number then wrong("--%s expects a whole number, found %q", name, text) end
  if number < range[1] or number > range[2] then
    wrong("--%s expects a number from %d to %d, found %d", name, range[1], range[2], number)
  end
  return number
end

-- Every option of a subcommand, its own and those that each has.
local function known(specification)
  local names = {}
  for _, part in ipairs { specification, getmetatable(specification) and getmetatable(specification).__index } do
    for name in pairs(part) do names[#names + 1] = "--" .. name end
  end
  table.sort(names)
  return names
end

-- With what was meant, where that can be told; else all that there are.
local function unknown(word, specification)
  local names = known(specification)
  local meant = nearest(word, names)
  wrong("unknown option %s; %s", word, meant and ("did you mean %s?"):format(meant) or "there are: " .. table.concat(names, ", "))
end

--- The name, kind and value in a word, with the value behind "=" if there is one.
local function take_apart(word, specification)
  local name, rest = word:match "^%-%-([A-Za-z0-9-]+)(.*)$"
  if word == "-h" then name, rest = "help", "" end
  if not name or (rest ~= "" and rest:sub(1, 1) ~= "=") then unknown(word, specification) end
  local off = name:match "^no%-(.+)$"
  if off and specification[off] == "flag" then name = off else off = nil end
  local kind = specification[name]
  if not kind then unknown("--" .. name, specification) end
  if kind == "flag" and rest ~= "" then wrong("--%s takes no value", name) end
  return name, kind, kind == "flag" and not off, rest ~= "" and rest:sub(2) or nil
end

--- Reads words by a specification: name -> "flag", "text", "list" (may be repeated) or
--- { lowest, highest } for a whole number. Raises a table { usage = message } when the line is
--- wrong, so also when it has more than `most` words.
---@param words string[]
---@param specification table<string, string|integer[]>
---@param most integer
---@return table<string, any> values, string[] rest
function options.read(words, specification, most)
  local values, rest, i = {}, {}, 1
  while i <= #words do
    local word = words[i]
    if word == "--" then
      table.move(words, i + 1, #words, #rest + 1, rest)
      break
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      rest[#rest + 1] = word
    else
      local name, kind, flag, value = take_apart(word, specification)
      if kind == "flag" then
        value = flag
      elseif not value then
        i = i + 1
        value = words[i]
        if not value or value:sub(1, 2) == "--" then wrong("--%s expects a value", name) end
      end
      if type(kind) == "table" then value = read_number(name, value, kind) end
      if kind == "list" then
        values[name] = values[name] or {}
        table.insert(values[name], value)
      else
        values[name] = value
      end
    end
    i = i + 1
  end
  if #rest > most then wrong("unexpected word %q", rest[most + 1]) end
  return values, rest
end

local UNITS <const> = { s = 1000, m = 60000, h = 3600000, d = 86400000 }

--- The time that an option names, or so long ago.
---@param name string
---@param text? string
---@return webhook.time?
function options.time(name, text)
  if not text then return nil end
  local count, unit = text:match "^(%d+)([smhd])$"
  local number = count and math.tointeger(tonumber(count))
  if number and number < 1 << 32 then return os.time() * 1000 - number * UNITS[unit] end
  if text:match "^%d%d%d%d" then return text end
  return wrong("--%s expects a time like 2026-11-21T10:00:00Z, or 90s, 30m, 12h, 7d ago; found %q", name, text)
end

--- The milliseconds of an option like 90s, 30m, 12h, 7d.
---@param name string
---@param text string
---@return integer
function options.duration(name, text)
  local count, unit = text:match "^(%d+)([smhd])$"
  local number = count and math.tointeger(tonumber(count))
  if number and number > 0 and number < 1 << 32 then return number * UNITS[unit] end
  return wrong("--%s expects 90s, 30m, 12h or 7d; found %q", name, text)
end

--- The same backwards, in the largest unit that tells it exactly.
---@param ms integer
---@return string
function options.duration_text(ms)
  for _, unit in ipairs { "d", "h", "m", "s" } do
    if ms % UNITS[unit] == 0 then return ("%d%s"):format(ms // UNITS[unit], unit) end
  end
  return ("%dms"):format(ms)
end

return options
