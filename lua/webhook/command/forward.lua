--- Where `webhook listen` hands on what it gets: a program on the developer's machine.
local core = require "webhook.core"

---@class webhook.command.forward
---@field url string
---@field path boolean whether the URL names a path
local forward = {}
forward.__index = forward

-- Those of one connection (RFC 9110 7.6.1), and those that libcurl makes.
local NOT_HANDED_ON <const> = {
  connection = true, ["keep-alive"] = true, ["proxy-connection"] = true, te = true, trailer = true,
  ["transfer-encoding"] = true, upgrade = true, host = true, ["content-length"] = true, expect = true,
}

--- "3000", "localhost:3000/hook" or a URL.
---@param text? string
---@return webhook.command.forward?
function forward.of(text)
  if not text then return nil end
  local url = text
  local port, rest = text:match "^(%d+)(.*)$"
  if port and (rest == "" or rest:find "^[/?]") then url = "http://127.0.0.1:" .. text end
  if not url:find "^https?://" then url = "http://" .. url end
  local path = url:match "^https?://[^/?#]+(.*)$"
  if not path or url:find "[^!-~]" then error { usage = ("--forward-to expects a URL, a host with a port, or a port; found %q"):format(text) } end
  return setmetatable({ url = url, path = path ~= "" }, forward)
end

local function lines_of(headers)
  local lines = {}
  for name, value in pairs(headers) do
    -- A header without a value is written with a semicolon: CURLOPT_HTTPHEADER.
    if not NOT_HANDED_ON[name] then lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value end
  end
  table.sort(lines)
  lines[#lines + 1] = "Expect:"
  if not headers["content-type"] then lines[#lines + 1] = "Content-Type:" end
  return lines
end

--- Hands a request on; its answer, or nil and a sentence. ms: how long that took.
---@param request { method: string, path: string, headers: table<string, string>, body: string }
---@return { status: integer, headers: table<string, string>, body: string }? answer, string? message, integer ms
function forward:send(request)
  local begun = core.monotonic()
  local answer, message = core.request {
    url = self.path and self.url or self.url .. request.path, method = request.method, headers = lines_of(request.headers),
    body = request.method ~= "GET" and request.method ~= "HEAD" and request.body or nil, timeout = 30,
  }
  return answer, message, math.floor((core.monotonic() - begun) * 1000)
end

return forward
