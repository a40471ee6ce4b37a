--- How a receiver is reached, as the command's line says it: `auth`, `tls`, `proxy`, and what it gets beside the data.

local webhook = require "webhook"

local reach = {}

reach.options = {
  auth = "text", certificate = "text", ["certificate-key"] = "text", ca = "text", pin = "text", proxy = "text",
  ["content-type"] = "text", compress = "text", signature = "text",
}

reach.help = [[
  --auth JSON           or @FILE: {"type":"basic","username":…,"password":…}, {"type":"bearer","token":…},
                        {"type":"headers","headers":{…}}, {"type":"oauth2","token_url":…,"client_id":…,"client_secret":…}
  --certificate FILE    PEM, for a receiver that asks for one; with --certificate-key FILE
  --ca FILE             PEM: whom to trust for this receiver, and nobody else
  --pin sha256//…       its public key; several with ; between. An update with one of these four says all of them
  --proxy URL           http://host:port, https:// or socks5://; or {"url":…,"username":…,"password":…}, or @FILE
  --content-type TEXT   application/json by default
  --signature NAME      sign as github, shopify, slack, stripe or svix does; or JSON, or @FILE: a form of your own
  --compress gzip       bodies of 1024 bytes or more]]

-- '' for the default; a secret that stands on the line is seen by whoever lists processes, so a file may have it.
local function object_of(text, read, make)
  if text == nil then return nil end
  if text == "" then return webhook.null end
  if text:sub(1, 1) == "@" then text = read(text:sub(2)) end
  return make and text:sub(1, 1) ~= "{" and make(text) or webhook.raw(text)
end

local function tls_of(values, read)
  local said = { certificate = values.certificate, key = values["certificate-key"], ca = values.ca, pin = values.pin }
  if next(said) == nil then return nil end
  local made = {}
  for name, text in pairs(said) do
    if text ~= "" then made[name] = name == "pin" and text or read(text) end
  end
  return next(made) ~= nil and made or webhook.null
end

local function text_of(text)
  if text == "" then return webhook.null end
  return text
end

--- Adds to the document what the line says of it.
---@param document table
---@param values table
---@param read fun(name: string): string
function reach.add(document, values, read)
  document.auth = object_of(values.auth, read)
  document.tls = tls_of(values, read)
  document.proxy = object_of(values.proxy, read, function(url) return { url = url } end)
  document.content_type = text_of(values["content-type"])
  document.compress = text_of(values.compress)
  document.signature = object_of(values.signature, read, function(name) return name end)
  return document
end

return reach
