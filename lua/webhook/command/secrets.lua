--- Secrets of a command line. What stands in the line itself every user of the machine can read while the
--- command runs, and the shell's history keeps it: a file, the environment or the standard input tell nobody.
local secrets = {}

secrets.help = [[
  --secret-file FILE   the lines of a file are secrets, too; - is the standard input
  --secret-env NAME    and so is the value of a variable of the environment]]

--- Adds the options to a subcommand's own.
---@param specification table
---@return table specification
function secrets.options(specification)
  specification.secret, specification["secret-file"], specification["secret-env"] = "list", "list", "list"
  return specification
end

local function read_lines(name, list, out)
  local count = #list
  for line in out.read(name):gmatch "[^\r\n]+" do list[#list + 1] = line end
  if #list == count then out.fail(("%s: no secret in it"):format(name == "-" and "standard input" or name), "secret") end
end

--- All that a line names, in the order of --secret, --secret-file, --secret-env; nil for none.
---@param values table
---@param out webhook.command.output
---@return string[]?
function secrets.read(values, out)
  local list = table.move(values.secret or {}, 1, #(values.secret or {}), 1, {})
  for _, name in ipairs(values["secret-file"] or {}) do read_lines(name, list, out) end
  for _, name in ipairs(values["secret-env"] or {}) do
    local value = os.getenv(name)
    if not value or value == "" then out.fail(("--secret-env: the environment has no %s"):format(name), "secret") end
    list[#list + 1] = value
  end
  return #list > 0 and list or nil
end

return secrets
