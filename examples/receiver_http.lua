-- HTTP/1.1 as far as the three receivers beside it need it: a request out of bytes, an answer
-- into bytes. Bodies come with a Content-Length; heads of at most 16 KiB.
local http = {}

local head_maximum = 16384

local reasons = {
  [200] = "OK", [204] = "No Content", [400] = "Bad Request", [401] = "Unauthorized", [405] = "Method Not Allowed",
  [409] = "Conflict", [411] = "Length Required", [413] = "Content Too Large",
  [431] = "Request Header Fields Too Large", [500] = "Internal Server Error", [501] = "Not Implemented",
}

-- Name to value, in lower case; what comes twice is joined, so that it fits no signature.
-- A carriage return or line feed alone may be a line's end to others, so it is none at all.
local function read_headers(lines)
  if lines:gsub("\r\n", ""):find "[\r\n]" then return nil end
  local headers = {}
  for line in lines:gmatch "([^\r\n]*)\r\n" do
    local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$"
    if not name then return nil end
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers
end

-- How long the body is; or nil and the status to refuse the request with.
local function body_size(method, headers, maximum)
  if headers["transfer-encoding"] then return nil, 501 end
  local length = headers["content-length"]
  if not length then return method ~= "POST" and 0 or nil, 411 end
  if not length:find "^%d+$" then return nil, 400 end
  if #length > 12 or tonumber(length) > maximum then return nil, 413 end
  return math.tointeger(tonumber(length))
end

--- The first request in the bytes, and the bytes behind it; nil when more are needed; false
--- and a status when the connection has to be given up.
function http.read(bytes, maximum)
  local head, stop = bytes:find("\r\n\r\n", 1, true)
  if not head then
    if #bytes > head_maximum then return false, 431 end
    return nil
  end
  if head > head_maximum then return false, 431 end
  local method, url, minor, lines = bytes:sub(1, head + 1):match "^(%u+) (%g+) HTTP/1%.([01])\r\n(.*)$"
  local headers = method and read_headers(lines)
  if not headers then return false, 400 end
  local size, status = body_size(method, headers, maximum)
  if not size then return false, status end
  if #bytes < stop + size then return nil end
  local connection = (headers.connection or ""):lower()
  local request = { method = method, url = url, headers = headers, body = bytes:sub(stop + 1, stop + size) }
  request.keep = minor == "1" and not connection:find "close"
  return request, bytes:sub(stop + size + 1)
end

--- An answer's bytes; keep tells whether the connection stays open.
function http.write(keep, status, headers, body)
  local lines = { ("HTTP/1.1 %d %s"):format(status, reasons[status] or "Answer") }
  for name, value in pairs(headers or {}) do lines[#lines + 1] = name .. ": " .. value end
  if status ~= 204 then lines[#lines + 1] = "Content-Length: " .. #(body or "") end
  if not keep then lines[#lines + 1] = "Connection: close" end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

return http
