--- Letters as ASCII has them. Lua's own lower, upper and %a are those of the program's locale: in Turkish
--- "ID" and "id" are two words.
local letters = {}

---@param text string
---@return string
function letters.lower(text)
  return (text:gsub("[A-Z]", function(letter) return string.char(letter:byte() + 32) end))
end

---@param text string
---@return string
function letters.upper(text)
  return (text:gsub("[a-z]", function(letter) return string.char(letter:byte() - 32) end))
end

return letters
