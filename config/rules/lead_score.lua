-- The score of a lead. More than ten points apart, the higher one wins: somebody knows something good of this lead. Closer
-- together they say the same, and the later change wins. A number wins over what is none.

local POINTS_APART = 10

function resolve(conflict)
  local incoming, golden = conflict.incoming.value, conflict.golden.value
  local incoming_counts, golden_counts = type(incoming) == "number", type(golden) == "number"
  if incoming_counts ~= golden_counts then return incoming_counts and "incoming" or "golden" end
  if incoming_counts and math.distance(incoming, golden) > POINTS_APART then
    return incoming > golden and "incoming" or "golden"
  end
  return conflict.latest
end
