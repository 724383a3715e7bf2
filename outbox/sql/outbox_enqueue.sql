-- The same promise as `outbox.services.enqueue.enqueue`, for functions of other rooms: one job per (kind, ref),
-- ever, if the transaction commits. Nobody is nudged: the next tick finds the job.
CREATE OR REPLACE FUNCTION outbox_enqueue(p_kind text, p_ref text, p_due_at timestamptz)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO outbox_job (kind, ref, due_at, state, attempts, last_error)
    VALUES (p_kind, p_ref, p_due_at, 'waiting', 0, '')
    ON CONFLICT (kind, ref) DO NOTHING;
END
$$;
