-- A batch of expiries in one round trip: lock accounts that nobody holds, empty their lots that are over, write.
-- Answers one row per transfer written. Each statement of a volatile function sees what was committed before it
-- began, so the lots are read fresh after the locks were taken.
CREATE OR REPLACE FUNCTION ledger_expire(p_at timestamptz, p_limit integer)
RETURNS TABLE (transfer_id uuid, account_id bigint, sink_id bigint, amount bigint, lots bigint)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_accounts bigint[];
BEGIN
    SELECT array_agg(DISTINCT locked.id) INTO v_accounts FROM (
        SELECT a.id FROM ledger_lot l JOIN ledger_account a ON a.id = l.account_id
         WHERE l.is_open AND l.expires_at <= p_at AND NOT a.frozen
         ORDER BY l.expires_at, l.id LIMIT p_limit
           FOR NO KEY UPDATE OF a SKIP LOCKED
    ) locked;
    IF v_accounts IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO ledger_account (unit, kind, code, holder, frozen)
    SELECT DISTINCT a.unit, 'system', 'breakage', '', false FROM ledger_account a
     WHERE a.id = ANY (v_accounts) AND NOT EXISTS (
        SELECT 1 FROM ledger_account s WHERE s.kind = 'system' AND s.code = 'breakage' AND s.unit = a.unit)
    ON CONFLICT DO NOTHING;

    RETURN QUERY
    WITH open_lots AS MATERIALIZED (
        SELECT l.id, l.account_id, l.remaining, l.expires_at FROM ledger_lot l
         WHERE l.account_id = ANY (v_accounts) AND l.is_open
    ), due AS MATERIALIZED (
        SELECT o.id, o.account_id, o.remaining,
               row_number() OVER (PARTITION BY o.account_id ORDER BY o.expires_at, o.id) AS rank
          FROM open_lots o WHERE o.expires_at <= p_at
         ORDER BY o.expires_at, o.id LIMIT p_limit
    ), taken AS MATERIALIZED (
        SELECT gen_random_uuid() AS id, d.account_id, sum(d.remaining)::bigint AS amount, count(*) AS lots
          FROM due d GROUP BY d.account_id
    ), sums AS (
        SELECT o.account_id, sum(o.remaining)::bigint AS value FROM open_lots o GROUP BY o.account_id
    ), posted AS MATERIALIZED (
        SELECT t.id, t.account_id, s.id AS sink_id, t.amount, t.lots, b.value - t.amount AS balance_after
          FROM taken t
          JOIN sums b ON b.account_id = t.account_id
          JOIN ledger_account a ON a.id = t.account_id
          JOIN ledger_account s ON s.kind = 'system' AND s.code = 'breakage' AND s.unit = a.unit
    ), transfers AS (
        INSERT INTO ledger_transfer
            (id, debit_account_id, credit_account_id, amount, kind, occurred_at, fingerprint, note)
        SELECT p.id, p.account_id, p.sink_id, p.amount, 'expiry', p_at, md5('expiry ' || p.account_id), ''
          FROM posted p
    ), emptied AS (
        UPDATE ledger_lot SET remaining = 0 FROM due d WHERE ledger_lot.id = d.id
    ), moves AS (
        INSERT INTO ledger_lotmove (transfer_id, lot_id, account_id, delta, leads, balance_after)
        SELECT p.id, d.id, d.account_id, -d.remaining, d.rank = 1, p.balance_after
          FROM due d JOIN posted p ON p.account_id = d.account_id
         ORDER BY d.account_id, d.rank
    )
    SELECT p.id, p.account_id, p.sink_id, p.amount, p.lots FROM posted p;
END
$$;
