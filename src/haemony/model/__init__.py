"""The shared words: elements, diseases, rules, endpoints, errors; all else imports these."""
