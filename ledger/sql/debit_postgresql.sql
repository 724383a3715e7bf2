-- The everyday debit in one round trip: lock the account, take from its lots in spending order, write.
-- Answers the id of the system account that received, or NULL when it did nothing: unknown or frozen account,
-- a restricted lot in the account, too little value, a known key, a system account not made yet.
-- Each statement of a volatile function sees what was committed before it began, so the lots are read fresh
-- after the lock has been waited for.
CREATE OR REPLACE FUNCTION ledger_debit(
    p_key uuid, p_account bigint, p_sink text, p_amount bigint, p_kind text,
    p_at timestamptz, p_valid_at timestamptz, p_fingerprint text, p_note text
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_unit text;
    v_sink bigint;
    v_lot record;
    v_take bigint;
    v_missing bigint := p_amount;
    v_balance bigint := 0;
    v_lots bigint[] := '{}';
    v_takes bigint[] := '{}';
BEGIN
    SELECT unit INTO v_unit FROM ledger_account
     WHERE id = p_account AND kind = 'customer' AND NOT frozen
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT id INTO v_sink FROM ledger_account WHERE kind = 'system' AND code = p_sink AND unit = v_unit;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    FOR v_lot IN
        SELECT id, remaining, activates_at, expires_at, outlets, single_purchase FROM ledger_lot
         WHERE account_id = p_account AND is_open
         ORDER BY expires_at, activates_at, id
    LOOP
        IF v_lot.single_purchase OR v_lot.outlets <> '' THEN
            RETURN NULL;
        END IF;
        v_balance := v_balance + v_lot.remaining;
        IF v_missing > 0 AND v_lot.activates_at <= p_at AND p_valid_at < v_lot.expires_at THEN
            v_take := least(v_lot.remaining, v_missing);
            v_missing := v_missing - v_take;
            v_lots := v_lots || v_lot.id;
            v_takes := v_takes || v_take;
        END IF;
    END LOOP;
    IF v_missing > 0 THEN
        RETURN NULL;
    END IF;

    INSERT INTO ledger_transfer
        (id, debit_account_id, credit_account_id, amount, kind, occurred_at, fingerprint, note)
    VALUES (p_key, p_account, v_sink, p_amount, p_kind, p_at, p_fingerprint, p_note)
    ON CONFLICT (id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    FOR i IN 1 .. array_length(v_lots, 1) LOOP
        UPDATE ledger_lot SET remaining = remaining - v_takes[i] WHERE id = v_lots[i];
        INSERT INTO ledger_lotmove (transfer_id, lot_id, account_id, delta, leads, balance_after)
        VALUES (p_key, v_lots[i], p_account, -v_takes[i], i = 1, v_balance - p_amount);
    END LOOP;
    RETURN v_sink;
END
$$;
