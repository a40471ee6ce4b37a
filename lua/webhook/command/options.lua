--- Options of a command line: `--name value`, `--name=value`, `--flag`, and words.
local options = {}

--- Reads words by a specification: name -> "flag", "text", "number", "list" or "file".
--- Raises a table {usage = message} when the line is wrong.
---@param words string[]
---@param specification table<string, string>
---@return table<string, any> values, string[] rest
function options.read(words, specification)
  local values, rest, i = {}, {}, 1
  while i <= #words do
    local word = words[i]
    local name, inline = word:match("^%-%-([%w-]+)=?(.*)$")
    if word == "--" then
      table.move(words, i + 1, #words, #rest + 1, rest)
      break
    elseif word == "-h" then
      name = "help"
    end
    if not name then
      rest[#rest + 1] = word
    else
      local kind = name == "help" and "flag" or specification[name]
      if not kind then error { usage = ("unknown option --%s"):format(name) } end
      local value = true
      if kind ~= "flag" then
        if word:find("=", 1, true) then
          value = inline
        else
          i = i + 1
          value = words[i]
        end
        if not value then error { usage = ("--%s expects a value"):format(name) } end
        if kind == "number" then
          value = math.tointeger(tonumber(value)) or error { usage = ("--%s expects a whole number, found %q"):format(name, value) }
        end
      end
      if kind == "list" then
        values[name] = values[name] or {}
        table.insert(values[name], value)
      else
        values[name] = value
      end
    end
    i = i + 1
  end
  return values, rest
end

return options
