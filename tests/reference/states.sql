-- Where everybody stands, from the OMOP tables alone: no source value, no helper.
WITH person_course AS (
  SELECT p.person_id,
         date_diff('day', o.observation_period_start_date, o.observation_period_end_date) AS days,
         d.person_id IS NOT NULL AS dead,
         (SELECT min(episode_start_date) FROM episode e
           WHERE e.person_id = p.person_id AND e.episode_concept_id = 32946) AS remission,
         (SELECT min(episode_start_date) FROM episode e
           WHERE e.person_id = p.person_id AND e.episode_concept_id = 32949) AS relapse,
         (SELECT min(procedure_date) FROM procedure_occurrence t
           WHERE t.person_id = p.person_id) AS transplant
    FROM person p
    JOIN observation_period o USING (person_id)
    LEFT JOIN death d USING (person_id)
), at_day AS (
  SELECT days, count(*) AS leaving, sum(dead::INT) AS deaths FROM person_course GROUP BY days
), life_table AS (
  SELECT days, deaths, sum(leaving) OVER (ORDER BY days DESC) AS at_risk FROM at_day
), curve AS (
  SELECT days, exp(sum(ln(1 - deaths / at_risk)) OVER (ORDER BY days)) AS survival
    FROM life_table WHERE deaths < at_risk
)
SELECT (SELECT count(*) FROM person_course) AS patients,
       (SELECT sum(dead::INT) FROM person_course) AS deaths,
       (SELECT min(days) FROM curve WHERE survival <= 0.5) AS median_days,
       (SELECT count(remission) FROM person_course) AS remissions,
       (SELECT count(relapse) FROM person_course) AS relapses,
       (SELECT count(transplant) FROM person_course) AS transplants
