-- The stock of a product: the most that any platform says is there. A number wins over what is none.

function resolve(conflict)
  local incoming, golden = conflict.incoming.value, conflict.golden.value
  local incoming_counts, golden_counts = type(incoming) == "number", type(golden) == "number"
  if incoming_counts ~= golden_counts then return incoming_counts and "incoming" or "golden" end
  if incoming_counts and incoming ~= golden then return incoming > golden and "incoming" or "golden" end
  return conflict.latest
end
