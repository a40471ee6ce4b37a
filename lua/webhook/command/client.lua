--- A server's HTTP API, as a client of it: `webhook serve`, anywhere.
local core = require "webhook.core"
local webhook = require "webhook"

---@class webhook.command.client
---@field server string without a "/" behind it
---@field headers string[]
local client = {}
client.__index = client

client.options = { server = "text", token = "text" }

client.help = [[
  --server URL   of `webhook serve`, in place of a store; --token T or $WEBHOOK_TOKEN says who asks]]

--- The server that the line or the environment names, or nil.
---@param values table
---@return webhook.command.client?
function client.of(values)
  local server, token = values.server, values.token or os.getenv "WEBHOOK_TOKEN"
  if not server then return nil end
  if not server:match "^https?://[^/]" then error { usage = ("--server expects a URL like https://hooks.example.com, found %q"):format(server) } end
  if token and token:find "[^!-~]" then error { usage = "a token is of letters, digits and _" } end
  local headers = { "Content-Type: application/json" }
  if token then headers[2] = "Authorization: Bearer " .. token end
  return setmetatable({ server = server:gsub("/+$", ""), headers = headers }, client)
end

--- What stands in a URL between two "/", or behind a "=".
local function escaped(text)
  return (text:gsub("[^A-Za-z0-9._~-]", function(letter) return ("%%%02X"):format(letter:byte()) end))
end

client.escaped = escaped

local function query_of(parameters)
  local parts = {}
  for name, value in pairs(parameters or {}) do parts[#parts + 1] = name .. "=" .. escaped(tostring(value)) end
  table.sort(parts)
  return parts[1] and "?" .. table.concat(parts, "&") or ""
end

--- Asks; nil, a sentence and a word for what went wrong where there is no answer of 2xx.
---@param method string
---@param path string
---@param parameters? table<string, string|integer>
---@param document? any
---@return table? answer, string? message, string? code
function client:ask(method, path, parameters, document)
  local got, message, code = core.request {
    method = method, url = self.server .. path .. query_of(parameters), headers = self.headers,
    body = document and webhook.encode(document) or nil, timeout = 60,
  }
  if not got then return nil, message, code end
  local answer = got.body ~= "" and webhook.decode(got.body) or {}
  if got.status // 100 == 2 then return type(answer) == "table" and answer or {} end
  if type(answer) ~= "table" then answer = {} end
  return nil, ("%s answers %d: %s"):format(self.server, got.status, answer.message or "no sentence with it"),
    type(answer.error) == "string" and answer.error or "status"
end

return client
