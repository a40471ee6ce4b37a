--- HTTP/1.1 for a receiver whose server has sockets and no HTTP of its own: a request out of bytes, an answer into
--- bytes. Strict, as what others may part in another way is refused; bodies by Content-Length or in chunks. No TLS, no
--- waiting: examples/receiver_*.lua show the loop around it.
local core = require "webhook.core"

local http = {}

local reasons = {
  [200] = "OK", [204] = "No Content", [400] = "Bad Request", [401] = "Unauthorized", [405] = "Method Not Allowed",
  [409] = "Conflict", [413] = "Content Too Large", [417] = "Expectation Failed", [431] = "Request Header Fields Too Large",
  [500] = "Internal Server Error", [501] = "Not Implemented", [505] = "HTTP Version Not Supported",
}

--- What a client that waits with its body (`Expect: 100-continue`) wants to hear first.
http.continue = "HTTP/1.1 100 Continue\r\n\r\n"

---@class webhook.http_request : webhook.request
---@field keep boolean the connection may carry a next request

--- The first request in the bytes, and the bytes behind it; nil when more are needed, and true if the client waits for
--- http.continue (say it once a request); false and a status when the connection has to be given up.
---@param bytes string
---@param maximum? integer bytes of a body, 1048576
---@return webhook.http_request|false|nil request, string|boolean|integer rest
function http.read(bytes, maximum)
  local request, size = core.read_request(bytes, maximum)
  if request then return request, bytes:sub(size + 1) end
  return request, size
end

--- An answer's bytes: to a request, or with nil the last of a connection.
---@param request? webhook.http_request
---@param status integer
---@param headers? table<string, string>
---@param body? string
---@return string bytes
function http.write(request, status, headers, body)
  body = body or ""
  local lines = { ("HTTP/1.1 %d %s"):format(status, reasons[status] or "Answer") }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  if status >= 200 and status ~= 204 then lines[#lines + 1] = "Content-Length: " .. #body end
  if not (request and request.keep) then lines[#lines + 1] = "Connection: close" end
  local without = status < 200 or status == 204 or status == 304 or (request and request.method == "HEAD")
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (without and "" or body)
end

return http
