/* What a policy's text holds, in the order in which it is written: POLICY_STR, POLICY_INT,
 * POLICY_NUM and POLICY_BOOL (member of struct policy). */
// clang-format off
POLICY_STR(name)
POLICY_STR(instructions)
POLICY_STR(tone)
POLICY_STR(provider)
POLICY_STR(model)
POLICY_STR(base_url)
POLICY_STR(handover_words)
POLICY_STR(handover_text)
POLICY_STR(unknown_text)
POLICY_STR(disclaimer_text)
POLICY_INT(top_k)
POLICY_INT(max_tokens)
POLICY_INT(unknown_handover_after)
POLICY_NUM(temperature)
POLICY_NUM(review_below)
POLICY_NUM(handover_below)
POLICY_NUM(disclaimer_below)
POLICY_BOOL(enabled)
POLICY_BOOL(retrieval)
// clang-format on
