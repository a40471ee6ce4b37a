--- What somebody may have meant who mistyped a name.

-- How many letters have to be put in, left out, changed, or changed about with the next one (optimal string
-- alignment), to make one of the other.
local function distance(from, to)
  local before, last = {}, {}
  for j = 0, #to do last[j] = j end
  for i = 1, #from do
    local row = { [0] = i }
    for j = 1, #to do
      local same = from:byte(i) == to:byte(j)
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and from:byte(i) == to:byte(j - 1) and from:byte(i - 1) == to:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#to]
end

--- The name that is nearest, or nil where none is near: a third of its letters may be wrong. One that begins with
--- the word, alone of all, is meant, too.
---@param word string
---@param names string[]
---@return string?
return function(word, names)
  local best, least, begun
  for _, name in ipairs(names) do
    local count = math.abs(#name - #word) <= 3 and distance(word, name) or math.huge
    if count <= math.max(1, #name // 3) and count < (least or math.huge) then best, least = name, count end
    if #word > 1 and name:sub(1, #word) == word then begun = begun == nil and name or false end
  end
  return best or begun or nil
end
