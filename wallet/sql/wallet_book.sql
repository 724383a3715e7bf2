-- The everyday booking in one round trip: every seat is covered by places of the customer's own cards. The rule of
-- which card fits was decided before (`wallet.selectors.eligibility`); here, under the locks, the facts that it
-- stood on are looked at again, the places are spent, the seats are taken and everything is written.
-- Answers the id of the booking, or NULL when it did nothing; a refusal after something was written is an error
-- that undoes it (class 23). Either way `wallet.services.book` goes the long way, which alone says no.
-- Locks: cards by id, accounts, and last and shortest the screening, on which other customers wait.
CREATE OR REPLACE FUNCTION wallet_book(
    p_key uuid, p_code text, p_customer bigint, p_seats integer, p_at timestamptz,
    p_screening bigint, p_starts_at timestamptz, p_technology text, p_price bigint,
    p_cards uuid[], p_accounts bigint[], p_places integer[], p_transfers uuid[], p_fingerprints text[],
    p_sink text, p_kind text, p_note text, p_job text
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_booking bigint;
    v_currency text;
BEGIN
    PERFORM 1 FROM wallet_card WHERE id = ANY (p_cards) ORDER BY id FOR NO KEY UPDATE;
    -- A second statement: the first one's snapshot may be older than the locks that it waited for.
    IF cardinality(p_cards) <> (
        SELECT count(*) FROM wallet_card c
         WHERE c.id = ANY (p_cards) AND c.holder_id = p_customer AND c.state = 'active'
           AND NOT EXISTS (SELECT 1 FROM wallet_claimlink l
                WHERE l.card_id = c.id AND l.state = 'open' AND l.token_expires_at > p_at)
    ) THEN
        RETURN NULL;
    END IF;

    FOR i IN 1 .. cardinality(p_cards) LOOP
        IF ledger_debit(p_transfers[i], p_accounts[i], p_sink, p_places[i], p_kind, p_at,
                greatest(p_at, p_starts_at), p_fingerprints[i], p_note) IS NULL THEN
            IF i = 1 THEN
                RETURN NULL;
            END IF;
            RAISE EXCEPTION 'wallet_book: places' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;

    UPDATE wallet_screening SET taken = taken + p_seats
     WHERE id = p_screening AND state = 'open' AND starts_at = p_starts_at AND technology = p_technology
       AND price_minor = p_price AND taken + p_seats <= capacity
    RETURNING currency INTO v_currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'wallet_book: seats' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    INSERT INTO wallet_booking
        (key, code, customer_id, screening_id, seats, paid_seats, price_minor, currency, state, "end",
         created_at, confirmed_at)
    VALUES (p_key, p_code, p_customer, p_screening, p_seats, 0, p_price, v_currency, 'confirmed', '', p_at, p_at)
    RETURNING id INTO v_booking;
    INSERT INTO wallet_bookingmeans (booking_id, card_id, places, transfer)
    SELECT v_booking, part.* FROM unnest(p_cards, p_places, p_transfers) AS part;
    INSERT INTO wallet_bookingevent (booking_id, from_state, to_state, at, actor, note)
    VALUES (v_booking, '', 'confirmed', p_at, 'customer', '');
    PERFORM outbox_enqueue(p_job, v_booking::text, p_at);
    RETURN v_booking;
END
$$;
