-- What every check counts, as SQL: one query per check type, giving how many break it and of how
-- many. Written from the documentation of the DataQualityDashboard, as an engine of its own beside
-- the one under test. Words in braces are filled in by the test.

-- measurePersonCompleteness
SELECT count(*) FILTER (WHERE p.person_id NOT IN (SELECT person_id FROM {table} WHERE person_id IS NOT NULL)),
       count(*)
FROM person p;

-- measureConditionEraCompleteness
SELECT count(DISTINCT c.person_id) FILTER (WHERE e.person_id IS NULL), count(DISTINCT c.person_id)
FROM condition_occurrence c
LEFT JOIN (SELECT DISTINCT person_id FROM {table}) e ON e.person_id = c.person_id
WHERE c.condition_concept_id <> 0;

-- measureObservationPeriodOverlap
SELECT count(DISTINCT a.person_id) FILTER (WHERE b.person_id IS NOT NULL), count(DISTINCT a.person_id)
FROM (SELECT rowid AS place, * FROM {table}) a
LEFT JOIN (SELECT rowid AS place, * FROM {table}) b
  ON a.person_id = b.person_id AND a.place <> b.place
 AND CAST(a.observation_period_start_date AS DATE) <= CAST(b.observation_period_end_date AS DATE) + 1
 AND CAST(a.observation_period_end_date AS DATE) + 1 >= CAST(b.observation_period_start_date AS DATE);

-- isRequired
SELECT count(*) FILTER (WHERE {field} IS NULL), count(*) FROM {table};

-- measureValueCompleteness
SELECT count(*) - count({field}), count(*) FROM {table};

-- cdmDatatype
SELECT count(*) FILTER (
         WHERE {field} IS NOT NULL
           AND coalesce(TRY_CAST({field} AS DOUBLE) <> floor(TRY_CAST({field} AS DOUBLE)), true)),
       count(*)
FROM {table};

-- isPrimaryKey
SELECT coalesce(sum(n) FILTER (WHERE n > 1 AND k IS NOT NULL), 0), sum(n)
FROM (SELECT {field} AS k, count(*) AS n FROM {table} GROUP BY 1);

-- isForeignKey
SELECT count(*) FILTER (
         WHERE t.{field} IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM {target} o WHERE o.{key} = t.{field})),
       count(*)
FROM {table} t;

-- fkDomain
SELECT count(*) FILTER (WHERE c.concept_id <> 0 AND c.domain_id <> '{argument}'), count(*)
FROM {table} t LEFT JOIN concept c ON c.concept_id = t.{field};

-- fkClass
SELECT count(*) FILTER (WHERE c.concept_id <> 0 AND c.concept_class_id <> '{argument}'), count(*)
FROM {table} t LEFT JOIN concept c ON c.concept_id = t.{field};

-- isStandardValidConcept
SELECT count(*) FILTER (
         WHERE c.concept_id <> 0
           AND (c.standard_concept IS NULL OR c.standard_concept <> 'S' OR c.invalid_reason IS NOT NULL)),
       count(t.{field})
FROM {table} t LEFT JOIN concept c ON c.concept_id = t.{field};

-- conceptRecordCompleteness
SELECT count(*) FILTER (WHERE {field} = 0), count({field}) FROM {table};

-- optionalConceptRecordCompleteness
SELECT count(*) FILTER (WHERE {field} = 0 OR ({field} IS NULL AND {argument} IS NOT NULL)),
       count(*) FILTER (WHERE {field} IS NOT NULL OR {argument} IS NOT NULL)
FROM {table};

-- sourceValueCompleteness
SELECT (SELECT count(*) FROM (SELECT DISTINCT {field} FROM {table} WHERE {argument} = 0)),
       (SELECT count(*) FROM (SELECT DISTINCT {field} FROM {table}));

-- plausibleValueLow
SELECT count(*) FILTER (WHERE CAST({field} AS {kind}) < {bound}), count({field}) FROM {table};

-- plausibleValueHigh
SELECT count(*) FILTER (WHERE CAST({field} AS {kind}) > {bound}), count({field}) FROM {table};

-- plausibleTemporalAfter
SELECT count(*) FILTER (WHERE CAST({argument} AS DATE) > CAST({field} AS DATE)), count(*) FROM {table};

-- plausibleTemporalAfterBirth
SELECT count(*) FILTER (
         WHERE coalesce(CAST(p.birth_datetime AS DATE), make_date(p.year_of_birth, 6, 1))
             > CAST(t.{field} AS DATE)),
       count(*)
FROM {table} t LEFT JOIN person p ON p.person_id = t.person_id;

-- plausibleDuringLife
SELECT count(*) FILTER (WHERE CAST(t.{field} AS DATE) > CAST(d.death_date AS DATE) + 60), count(*)
FROM {table} t JOIN death d ON d.person_id = t.person_id;

-- plausibleBeforeDeath
SELECT count(*) FILTER (WHERE CAST(t.{field} AS DATE) > CAST(d.death_date AS DATE) + 60), count(*)
FROM {table} t JOIN death d ON d.person_id = t.person_id
WHERE t.{field} IS NOT NULL;

-- plausibleAfterBirth
SELECT count(*) FILTER (
         WHERE CAST(t.{field} AS DATE) < coalesce(
           CAST(p.birth_datetime AS DATE),
           make_date(p.year_of_birth, coalesce(p.month_of_birth, 1), coalesce(p.day_of_birth, 1)))),
       count(*)
FROM {table} t LEFT JOIN person p ON p.person_id = t.person_id
WHERE t.{field} IS NOT NULL;

-- plausibleStartBeforeEnd
SELECT count(*) FILTER (WHERE CAST({field} AS DATE) > CAST({argument} AS DATE)), count(*)
FROM {table} WHERE {field} IS NOT NULL AND {argument} IS NOT NULL;

-- withinVisitDates
SELECT count(*) FILTER (
         WHERE CAST(t.{field} AS DATE) < CAST(v.visit_start_date AS DATE) - 7
            OR CAST(t.{field} AS DATE) > CAST(v.visit_end_date AS DATE) + 7),
       count(*)
FROM {table} t JOIN visit_occurrence v ON v.visit_occurrence_id = t.visit_occurrence_id;

-- plausibleGender
SELECT count(*) FILTER (WHERE p.gender_concept_id <> {sex}), count(*)
FROM {table} t LEFT JOIN person p ON p.person_id = t.person_id
WHERE t.{field} = {concepts};

-- plausibleGenderUseDescendants
SELECT count(*) FILTER (WHERE p.gender_concept_id <> {sex}), count(*)
FROM {table} t
JOIN concept_ancestor a ON a.descendant_concept_id = t.{field}
LEFT JOIN person p ON p.person_id = t.person_id
WHERE a.ancestor_concept_id IN ({concepts});

-- plausibleUnitConceptIds
SELECT count(*) FILTER (WHERE unit_concept_id <> 0 AND unit_concept_id NOT IN ({units})), count(*)
FROM {table} WHERE {field} = {concepts} AND (unit_concept_id IS NULL OR unit_concept_id <> 0);
